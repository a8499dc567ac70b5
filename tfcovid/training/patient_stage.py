"""The patient network, trained on features of the trained slice network."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfcovid.config import Config
from tfcovid.data.datasets import batches_per_epoch, training_patients, validation_patients
from tfcovid.data.prepare import Prepared
from tfcovid.networks import aggregator
from tfcovid.training.class_weights import class_weights
from tfcovid.training.fit_stage import Stage, fit_stage
from tfcovid.training.slice_network import both_labels
from tfcovid.training.slice_stage import metrics

_VARIANTS = {"max": "max_features"}


def patient_network(config: Config, features: int) -> keras.Model:
    """From the features of the slices of a scan to the probabilities of its labels, see `aggregator`."""
    settings = config.patient_net
    options = settings.model_dump(exclude={"kind", "draws"})
    variant = _VARIANTS.get(settings.kind, settings.kind)
    network = aggregator(1 if config.head == "sigmoid" else len(config.labels), features, variant, **options)
    return keras.Model(network.input, both_labels(network.output), name=network.name)


def train_patients(
    config: Config,
    train: Sequence[tuple[Prepared, Path]],
    val: Sequence[tuple[Prepared, Path]],
    features: int,
    folder: Path,
    progress: bool = False,
    strategy: tf.distribute.Strategy | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Trains the patient network on (scan, file of its slice features) and returns it."""
    training, classes = config.patient_training, len(config.labels)

    def split(pairs: Sequence[tuple[Prepared, Path]]) -> tuple[list[str], list[int]]:
        return [str(file) for _, file in pairs], [config.labels.index(scan.entry.label) for scan, _ in pairs]

    files, targets = split(train)
    weights = class_weights(np.array(targets), classes) if training.class_weights else None

    def one_hot(inputs, target, weight=None):
        if weight is None:
            weight = tf.gather(weights, target) if weights is not None else tf.ones_like(target, tf.float32)
        # Not bool, which TensorFlow cannot put together from several devices; Keras casts it back at the input.
        inputs = {**inputs, "slice_mask": tf.cast(inputs["slice_mask"], tf.int8)}
        return inputs, tf.one_hot(target, classes), weight

    def batches(first_epoch: int) -> tf.data.Dataset:
        data = training_patients(
            files,
            targets,
            features,
            training.batch,
            training.epochs,
            first_epoch,
            config.seed,
            balance=training.balance,
        )
        return data.map(one_hot)

    stage = Stage(
        name="patient",
        title="Patients",
        training=training,
        build=partial(patient_network, config, features),
        batches=batches,
        validation=validation_patients(*split(val), features, training.batch).map(one_hot) if val else None,
        steps=batches_per_epoch([np.array(targets)], training.batch),
        losses=lambda: keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing),
        metrics=lambda: metrics(classes),
        strategy=strategy,
        callbacks=callbacks,
    )
    return fit_stage(stage, folder, progress)
