"""The slice network: its training graph, and its features of every scan."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfcovid.config import Config
from tfcovid.data.datasets import batches_per_epoch, training_slices, validation_slices
from tfcovid.data.manifest import slice_targets
from tfcovid.data.prepare import Prepared, read_slices
from tfcovid.into_place import into_place
from tfcovid.metrics import MacroF1
from tfcovid.networks import weights_hash, windowed
from tfcovid.progress import with_progress
from tfcovid.training.augment import augmentation
from tfcovid.training.class_weights import class_weights
from tfcovid.training.fit_stage import Stage, fit_stage
from tfcovid.training.log_slices import LogSlices
from tfcovid.training.slice_network import slice_network


def train_slices(
    config: Config,
    train: Sequence[Prepared],
    val: Sequence[Prepared],
    folder: Path,
    progress: bool = False,
    strategy: tf.distribute.Strategy | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Trains the slice network on the labelled slices of `train` and returns it.

    The window level and the augmentation are layers of the training graph and run where the network runs; the network
    that is returned begins behind them.
    """
    size, training = config.crop.size, config.slice_training
    targets, val_targets = ([_targets(scan, config) for scan in group] for group in (train, val))
    weights = None
    if training.class_weights:
        # As often as they are drawn.
        drawn = [target[target >= 0][: training.slices] for target in targets]
        weights = class_weights(np.concatenate(drawn), len(config.labels))
    outputs = ("disease", "lesion") if _has_lesion_head(config) else ("disease",)

    def by_output(hu, target, weight=None):
        """The disease, and whether there is a lesion: a slice that is kept has one unless it is healthy."""
        if weight is None:
            weight = tf.gather(weights, target) if weights is not None else tf.ones_like(target, tf.float32)
        found = {
            "disease": tf.one_hot(target, len(config.labels)),
            "lesion": tf.one_hot(tf.cast(target > 0, "int32"), 2),
        }
        return hu, {name: found[name] for name in outputs}, dict.fromkeys(outputs, weight)

    def batches(first_epoch: int) -> tf.data.Dataset:
        drawn = {"slices": training.slices, "balance": training.balance}
        data = training_slices(train, targets, size, training.batch, training.epochs, first_epoch, config.seed, **drawn)
        return data.map(by_output)

    validation = None
    if any((target >= 0).any() for target in val_targets):
        validation = validation_slices(val, val_targets, size, training.batch).map(by_output)
    stage = Stage(
        name="slice",
        title="Slices",
        training=training,
        build=partial(training_graph, config),
        batches=batches,
        validation=validation,
        steps=batches_per_epoch(targets, training.batch, training.slices),
        losses=lambda: {
            name: keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing) for name in outputs
        },
        metrics=lambda: {name: metrics(len(config.labels) if name == "disease" else 2) for name in outputs},
        phases=training.phases,
        network=network_in,
        strategy=strategy,
        callbacks=[*callbacks, LogSlices(config, batches, folder / "tensorboard")],
    )
    return network_in(fit_stage(stage, folder, progress))


def training_graph(config: Config) -> keras.Model:
    """From HU, as the store holds them, through window and augmentation to what the heads say."""
    network = slice_network(config)
    inputs = keras.Input((*config.crop.size, 1), dtype="int16", name="hu")
    x = inputs
    for layer in augmentation(config, config.seed):
        x = layer(x)
    outputs = {name: value for name, value in network(x).items() if name in ("disease", "lesion")}
    return keras.Model(inputs, outputs, name="slice_training")


def network_in(graph: keras.Model) -> keras.Model:
    """The slice network inside its training graph."""
    return next(layer for layer in graph.layers if isinstance(layer, keras.Model))


def metrics(classes: int) -> list[keras.metrics.Metric]:
    """What is logged of every head; one-hot targets. The AUC is the mean over classes, one against the rest."""
    auc = keras.metrics.AUC(multi_label=True, num_labels=classes, name="auc")
    return [keras.metrics.CategoricalAccuracy(name="accuracy"), auc, MacroF1(classes, name="macro_f1")]


def extract_features(
    network: keras.Model, config: Config, scans: Sequence[Prepared], folder: Path, progress: bool = False
) -> list[Path]:
    """Writes each scan's slice features, `(windows, slices, channels)` float32, and returns the files.

    Files are named after the scan's record and the network's weights: those of this network are kept, those of
    another are never taken for them.
    """
    weights = weights_hash(network)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    model = windowed(network, config.window.predict, config.window.width, config.mirror)
    model = keras.Model(model.input, model.output["features"])
    files = [folder / f"{scan.record.stem}-{scan.first}-{weights}.npy" for scan in scans]
    missing = [(scan, file) for scan, file in zip(scans, files, strict=True) if not file.is_file()]
    for scan, file in with_progress(missing, len(missing), "Slice features", progress):
        hu = read_slices(scan, config.crop.size)[..., None]
        features = np.moveaxis(model.predict(hu, batch_size=8, verbose=0), 1, 0)
        into_place(file, partial(np.save, arr=features))
    return files


def _targets(scan: Prepared, config: Config) -> np.ndarray:
    return slice_targets(scan.entry, config.labels, scan.scan_slices, config.slice_training.free)[list(scan.index)]


def _has_lesion_head(config: Config) -> bool:
    settings = config.slice_net
    return settings.kind == "outlined" or (settings.kind == "m3lung" and settings.multi_task)
