"""The slice network: its training graph, and its features of every scan."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras import layers

from tfcovid.config import Config
from tfcovid.data.datasets import training_slices, validation_slices
from tfcovid.data.manifest import slice_targets
from tfcovid.data.prepare import Prepared, read_record
from tfcovid.into_place import into_place
from tfcovid.layers import RandomWindowLevel
from tfcovid.networks import m3lung_slice, weights_hash, windowed
from tfcovid.progress import with_progress
from tfcovid.training.fit_stage import compile_for, fit_stage


def train_slices(
    config: Config, train: Sequence[Prepared], val: Sequence[Prepared], folder: Path, progress: bool = False
) -> keras.Model:
    """Trains the slice network on the labelled slices of `train` and returns it.

    The window level and the flips are layers of the training graph and run where the network runs; the network
    that is returned begins behind them.
    """
    size, stage = config.crop.size, config.slice_training
    targets = [_targets(scan, config) for scan in train]
    count = sum(int((target >= 0).sum()) for target in targets)
    steps = max(1, count // stage.batch)

    def batches(first_epoch: int):
        data = training_slices(train, targets, size, stage.batch, stage.epochs, first_epoch, config.seed)
        return data.map(lambda hu, target: (hu, _both_targets(target, config)))

    validation, val_targets = None, [_targets(scan, config) for scan in val]
    if any((target >= 0).any() for target in val_targets):
        held_out = validation_slices(val, val_targets, size, stage.batch)
        validation = held_out.map(lambda hu, target: (hu, _both_targets(target, config)))
    model = fit_stage(
        lambda: _training_graph(config, steps), batches, validation, steps, stage, folder, "Slices", progress
    )
    return model.get_layer("m3lung_slice")


def extract_features(
    network: keras.Model, config: Config, scans: Sequence[Prepared], folder: Path, progress: bool = False
) -> list[Path]:
    """Writes each scan's slice features, `(windows, slices, channels)` float32, and returns the files.

    Files are named after the scan's record and the network's weights: those of this network are kept, those of
    another are never taken for them.
    """
    weights = weights_hash(network)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    model = windowed(network, config.window.predict, config.window.width)
    model = keras.Model(model.input, model.output["features"])
    files = [folder / f"{scan.record.stem}-{weights}.npy" for scan in scans]
    missing = [(scan, file) for scan, file in zip(scans, files, strict=True) if not file.is_file()]
    for scan, file in with_progress(missing, len(missing), "Slice features", progress):
        hu = read_record(scan.record, config.crop.size)[..., None]
        features = np.moveaxis(model.predict(hu, batch_size=8, verbose=0), 1, 0)
        into_place(file, partial(np.save, arr=features))
    return files


def _training_graph(config: Config, steps: int) -> keras.Model:
    slice_net, stage = config.slice_net, config.slice_training
    network = m3lung_slice(len(config.labels), (*config.crop.size, 1), **slice_net.model_dump())
    inputs = keras.Input((*config.crop.size, 1), dtype="int16", name="hu")
    x = RandomWindowLevel(*config.window.train, config.window.width, seed=config.seed, name="window")(inputs)
    # One layer an axis: RandomFlip's "horizontal_and_vertical" draws once for both.
    for axis in ("horizontal", "vertical"):
        if stage.flip in (axis, "both"):
            x = layers.RandomFlip(axis, seed=config.seed, name=f"flip_{axis}")(x)
    outputs = {name: value for name, value in network(x).items() if name in ("disease", "lesion")}
    model = keras.Model(inputs, outputs, name="slice_training")
    losses = dict.fromkeys(outputs, "sparse_categorical_crossentropy")
    return compile_for(model, stage, steps, losses, {name: ["accuracy"] for name in outputs})


def _targets(scan: Prepared, config: Config) -> np.ndarray:
    return slice_targets(scan.entry, config.labels, scan.scan_slices)[list(scan.index)]


def _both_targets(target, config: Config) -> dict:
    """The disease, and whether there is a lesion: a slice that is kept has one unless it is healthy."""
    both = {"disease": target}
    return {**both, "lesion": keras.ops.cast(target > 0, "int32")} if config.slice_net.multi_task else both
