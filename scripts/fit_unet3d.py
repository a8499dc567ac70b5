"""Trains the 3-D U-Net on scans and their masks, with plain Keras.

    python scripts/fit_unet3d.py MANIFEST --mask lesions -o lesions.keras

MANIFEST is a CSV with the columns scan, patient, label and lesions or lungs, the path of a mask in the scan's frame, as
`tfcovid index` reads it. Blocks are cut at random places, half of them around a labelled voxel. The two guidance
channels stay empty here, so the network segments without clicks. All scans are held in memory.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfcovid import read_scan
from tfcovid.data import read_manifest
from tfcovid.losses import DiceCrossEntropy
from tfcovid.metrics import MeanDice
from tfcovid.networks import unet3d
from tfcovid.preprocess import window


def fit(train, steps: int, network: keras.Model, epochs: int) -> keras.Model:
    """`train` repeats blocks `(batch, slices, height, width, 3)` in [0, 1] and labels of the same sides."""
    network.compile(keras.optimizers.Adam(5e-4), DiceCrossEntropy(), metrics=[MeanDice()])
    network.fit(train, steps_per_epoch=steps, epochs=epochs, shuffle=False)  # blocks come in a random order
    return network


def blocks(scans: list[tuple[np.ndarray, np.ndarray]], shape: tuple[int, int, int], seed: int = 0):
    """Draws `(CT and empty guidance, labels)` without end."""
    generator = np.random.default_rng(seed)
    insides = [np.argwhere(labels == 1) for _, labels in scans]
    while True:
        which = generator.integers(len(scans))
        ct, labels = scans[which]
        room = np.array(labels.shape) - shape
        corner = generator.integers(room + 1)
        if len(insides[which]) and generator.random() < 0.5:
            voxel = generator.choice(insides[which])
            corner = np.clip(voxel - np.array(shape) // 2, 0, room)
        where = tuple(slice(start, start + side) for start, side in zip(corner, shape, strict=True))
        yield np.pad(ct[where][..., None], [(0, 0)] * 3 + [(0, 2)]), labels[where]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--mask", choices=("lesions", "lungs"), default="lesions")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model to write (.keras)")
    parser.add_argument("--network", default="unet3d_compact")
    parser.add_argument("--shape", type=int, nargs=3, default=(64, 96, 96), metavar=("SLICES", "HEIGHT", "WIDTH"))
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()

    shape, scans = tuple(options.shape), []
    for entry in read_manifest(options.manifest):
        ct, mask = window(read_scan(entry.scan).hu), read_scan(getattr(entry, options.mask), allow=["not-hu"])
        short = [(0, max(0, side - have)) for side, have in zip(shape, ct.shape, strict=True)]
        # 255 is unlabelled: what fills a scan up to a block carries no loss.
        labels = np.pad((mask.voxels > 0).astype("uint8"), short, constant_values=255)
        scans.append((np.pad(ct, short), labels))
    signature = (tf.TensorSpec((*shape, 3)), tf.TensorSpec(shape, "uint8"))
    data = tf.data.Dataset.from_generator(lambda: blocks(scans, shape), output_signature=signature).batch(2).prefetch(2)
    network = unet3d(2, (*shape, 3), options.network)
    fit(data, 4 * len(scans), network, options.epochs).save(options.output)


if __name__ == "__main__":
    main()
