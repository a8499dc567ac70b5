"""Trains what joins the slices of a scan, on features that any slice network made, with plain Keras.

    python scripts/fit_aggregator.py FEATURES.npz --network transformer -o scans.keras

FEATURES.npz holds "features" `(scans, slices, features)`, filled up behind the last slice of each scan, "counts"
`(scans,)`, its slices, and "targets" `(scans,)`, classes from 0 up. The last fifth of the scans is for validation: put
the scans of a patient next to each other.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from tfcovid.metrics import MacroF1
from tfcovid.networks import aggregator


def fit(features: np.ndarray, counts: np.ndarray, targets: np.ndarray, variant: str, epochs: int) -> keras.Model:
    classes = int(targets.max()) + 1
    network = aggregator(classes, features.shape[-1], variant, dropout=0.2)
    scans = {"features": features, "slice_mask": np.arange(features.shape[1]) < counts[:, None]}
    cut = len(targets) - len(targets) // 5
    train = {name: array[:cut] for name, array in scans.items()}
    val = {name: array[cut:] for name, array in scans.items()}
    network.compile(
        keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy", MacroF1(classes)]
    )
    network.fit(train, targets[:cut], batch_size=16, epochs=epochs, validation_data=(val, targets[cut:]))
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", type=Path)
    parser.add_argument("--network", default="conv1d", help="such as multi_scale, eff_mix_conv_e, transformer, lstm")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model to write (.keras)")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    with np.load(options.features) as data:
        network = fit(data["features"], data["counts"], data["targets"], options.network, options.epochs)
    network.save(options.output)


if __name__ == "__main__":
    main()
