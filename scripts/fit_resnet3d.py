"""Trains a 3-D ResNet on whole scans, with plain Keras.

    python scripts/fit_resnet3d.py MANIFEST -o scans.keras

MANIFEST is a CSV with the columns scan, patient and label, as `tfcovid index` writes it; scans whose column split says
val are for validation, those of test are left out, all others train. The labels' order is alphabetical.
"""

import argparse
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf

from tfcovid import read_scan
from tfcovid.data import read_manifest
from tfcovid.networks import resnet3d
from tfcovid.preprocess import window


def fit(train, val, network: keras.Model, epochs: int) -> keras.Model:
    """`train` and `val` are `tf.data` of volumes `(batch, slices, height, width, 1)` in [0, 1] and labels."""
    network.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(train, validation_data=val, epochs=epochs, shuffle=False)  # the data set shuffles itself
    return network


def volume(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Evenly spaced slices of a scan, `(slices, height, width, 1)` in [0, 1]."""
    hu = read_scan(path).hu
    hu = hu[np.linspace(0, len(hu) - 1, shape[0]).round().astype(int)]
    return np.stack([cv2.resize(one, shape[:0:-1], interpolation=cv2.INTER_AREA) for one in window(hu)])[..., None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model to write (.keras)")
    parser.add_argument("--network", default="resnet3d18")
    parser.add_argument("--shape", type=int, nargs=3, default=(64, 128, 128), metavar=("SLICES", "HEIGHT", "WIDTH"))
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()

    entries, shape = read_manifest(options.manifest), tuple(options.shape)
    labels = sorted({entry.label for entry in entries})
    generator = np.random.default_rng(0)

    def batches(wanted: tuple):
        chosen = [entry for entry in entries if entry.split in wanted]

        def read():
            # Anew at every epoch: names are shuffled, not volumes.
            for entry in generator.permutation(np.array(chosen, object)):
                yield volume(entry.scan, shape), labels.index(entry.label)

        signature = (tf.TensorSpec((*shape, 1)), tf.TensorSpec((), "int32"))
        data = tf.data.Dataset.from_generator(read, output_signature=signature).batch(2).prefetch(1)
        return data.apply(tf.data.experimental.assert_cardinality(-(-len(chosen) // 2))) if chosen else None

    network = resnet3d(len(labels), (*shape, 1), options.network)
    fit(batches((None, "train")), batches(("val",)), network, options.epochs).save(options.output)


if __name__ == "__main__":
    main()
