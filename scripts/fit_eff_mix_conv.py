"""Trains both stages of eff-mix-conv on scans, with plain Keras: slices into embeddings, embeddings into a diagnosis.

    python scripts/fit_eff_mix_conv.py MANIFEST -o scans.keras

MANIFEST is a CSV with the columns scan, patient and label, as `tfcovid index` writes it; the labels' order is
alphabetical. All scans are trained on, and their chosen slices held in memory: it shows the two stages.
"""

import argparse
from pathlib import Path

import cv2
import keras
import numpy as np

from tfcovid import read_scan
from tfcovid.data import read_manifest
from tfcovid.networks import aggregator, eff_mix_conv, embedding
from tfcovid.preprocess import window


def fit_slices(scans: list[np.ndarray], targets: np.ndarray, network: keras.Model, epochs: int) -> keras.Model:
    """`scans` are `(slices, height, width, 1)` in [0, 1]; every slice takes the label of its scan."""
    slices = np.concatenate(scans)
    of_slices = np.repeat(targets, [len(scan) for scan in scans])
    network.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(slices, of_slices, batch_size=16, epochs=epochs)
    return network


def fit_scans(scans: list[np.ndarray], targets: np.ndarray, network: keras.Model, epochs: int) -> keras.Model:
    """`scans` are embeddings `(slices, features)`, padded here to the longest; the mask says what is real."""
    longest = max(len(scan) for scan in scans)
    features = np.stack([np.pad(scan, [(0, longest - len(scan)), (0, 0)]) for scan in scans])
    mask = np.arange(longest) < np.array([[len(scan)] for scan in scans])
    network.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit({"features": features, "slice_mask": mask}, targets, batch_size=4, epochs=epochs)
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="the model to write (.keras), and its embedder"
    )
    parser.add_argument("--network", default="efficientnet_b3_timm")
    parser.add_argument("--aggregator", default="eff_mix_conv_e", help="or eff_mix_conv_s, transformer, lstm, ...")
    parser.add_argument("--size", type=int, default=256, help="pixels of a side")
    parser.add_argument("--slices", type=int, default=16, help="evenly spaced slices of a scan")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()

    def read(path: Path) -> np.ndarray:
        hu = read_scan(path).hu
        hu = hu[np.linspace(0, len(hu) - 1, options.slices).round().astype(int)]
        side = (options.size, options.size)
        return np.stack([cv2.resize(one, side, interpolation=cv2.INTER_AREA) for one in window(hu)])[..., None]

    entries = read_manifest(options.manifest)
    labels = sorted({entry.label for entry in entries})
    targets = np.array([labels.index(entry.label) for entry in entries])
    scans = [read(entry.scan) for entry in entries]
    first = eff_mix_conv(len(labels), scans[0].shape[1:], options.network, drop_path=0.2)
    embedder = embedding(fit_slices(scans, targets, first, options.epochs))
    second = aggregator(len(labels), embedder.output_shape[-1], options.aggregator)
    second = fit_scans([embedder.predict(scan, verbose=0) for scan in scans], targets, second, options.epochs)
    embedder.save(options.output.with_name(f"{options.output.stem}_embedder.keras"))
    second.save(options.output)


if __name__ == "__main__":
    main()
