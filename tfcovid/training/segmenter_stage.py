"""The network of a segmenter: its training graph, clicks and all, and its one stage."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from tfcovid.config import Segmenter
from tfcovid.config.segmenter import INFECTION
from tfcovid.data.patches import patches_per_epoch, training_patches, validation_patches
from tfcovid.data.prepare_volumes import PreparedVolume
from tfcovid.inference.segmentation_system import all_labels
from tfcovid.layers import ClickGuidance, RandomWindowLevel
from tfcovid.losses import DiceCrossEntropy, FocalTversky
from tfcovid.metrics import MeanDice
from tfcovid.networks import attention_unet, strided_unet3d, unet3d
from tfcovid.training.augment import changes
from tfcovid.training.fit_stage import Stage, fit_stage
from tfcovid.training.log_volumes import LogVolumes
from tfcovid.training.simulated_clicks import SimulatedClicks
from tfcovid.training.slice_stage import network_in

_LOSSES = {"focal_tversky": FocalTversky, "dice_cross_entropy": DiceCrossEntropy}
_UNLABELLED = 255
_SHOWN_EPOCHS = 20  # in TensorBoard


def fit_segmenter(
    config: Segmenter,
    train: Sequence[PreparedVolume],
    val: Sequence[PreparedVolume],
    folder: Path,
    progress: bool = False,
    strategy: tf.distribute.Strategy | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Trains the network of a segmenter and returns it, without what belongs to training only.

    Window, augmentation, simulated clicks and their maps are layers of the training graph and run where the network
    runs.
    """

    def batches(first_epoch: int) -> tf.data.Dataset:
        return training_patches(train, config, first_epoch).map(lambda batch: (batch,))

    stage = Stage(
        name="segment",
        title=f"Segmenter {config.name}",
        training=config.training,
        build=partial(training_graph, config),
        batches=batches,
        validation=validation_patches(val, config).map(lambda batch: (batch,)) if val else None,
        steps=patches_per_epoch(train, config),
        losses=lambda: _LOSSES[config.training.loss](),
        metrics=lambda: [MeanDice(tuple(range(1, len(config.labels))), name="dice")],
        strategy=strategy,
        callbacks=[*callbacks, _log_volumes(config, val or train, folder / "tensorboard")],
    )
    return network_in(fit_stage(stage, folder, progress))


def segmentation_network(config: Segmenter) -> keras.Model:
    """From `(batch, ..., 1)` in [0, 1], or 3 channels with the maps of clicks, to probabilities of the labels.

    Of two labels the network of slices gives the probability of the second, as paper 003 has it.
    """
    settings, labels = config.network, len(config.labels)
    options = {"weights": settings.weights, "dropout": settings.dropout}
    if settings.kind == "attention_unet":
        classes = 1 if labels == 2 else labels
        return attention_unet(classes, (*settings.size, 1), settings.variant, **options)
    shape = (*settings.patch, 3 if settings.guidance else 1)
    if settings.variant.startswith("strided"):
        return strided_unet3d(labels, shape, settings.variant, **options)
    return unet3d(labels, shape, settings.variant, padding=settings.padding, **options)


def training_graph(config: Segmenter) -> keras.Model:
    """From what `training_patches` gives to the mask, and the truth that moved with the augmentation."""
    network = segmentation_network(config)
    sides = network.input_shape[1:-1]
    ct = keras.Input((*sides, 1), dtype="int16", name="ct")
    truth = keras.Input((*sides, 1), dtype="uint8", name="labels")
    spacing = keras.Input((len(sides),), name="spacing")
    level = config.window
    moving = {"image": RandomWindowLevel(level.center, level.center, level.width, name="window")(ct), "mask": truth}
    for layer in changes(config.training.augmentation, config.seed, mask_fill=_UNLABELLED):
        moving = layer(moving)
    seen, moved = moving["image"], moving["mask"]
    if config.guidance:
        guidance, label = config.guidance, config.labels.index(INFECTION)
        simulated = SimulatedClicks(
            network,
            label,
            guidance.clicks,
            guidance.unattended,
            guidance.sigma,
            seed=config.seed + 4,
            name="simulated_clicks",
        )
        clicks = simulated(seen, moved, spacing)
        maps = ClickGuidance(guidance.sigma, normalise=False, name="guidance")(seen, clicks, spacing)
        seen = layers.Concatenate(name="seen")([seen, maps])
    mask = network(seen)
    for axis, (side, inner) in enumerate(zip(sides, mask.shape[1:-1], strict=True), 1):
        # Without padding the network says nothing of the border.
        moved = moved[(slice(None),) * axis + (slice((side - inner) // 2, (side + inner) // 2),)]
    inputs = {"ct": ct, "labels": truth, "spacing": spacing}
    return _WithTruth(inputs=inputs, outputs={"mask": mask, "labels": moved}, name="segmenter_training")


def _log_volumes(config: Segmenter, volumes: Sequence[PreparedVolume], tensorboard: Path) -> LogVolumes:
    """A sequence of CT, truth and mask without clicks: of the first patch, or of the slices of the first batch."""
    batch = next(iter(validation_patches(volumes, config)))
    shown = slice(None) if config.network.kind == "attention_unet" else slice(0, 1)
    low = config.window.center - config.window.width / 2
    ct = np.clip((batch["ct"].numpy()[shown].astype(np.float32) - low) / config.window.width, 0, 1)
    truth = batch["labels"].numpy()[shown]

    def draw(model: keras.Model) -> dict[str, np.ndarray]:
        network = network_in(model)
        # The channels of clicks stay empty.
        seen = np.pad(ct, [(0, 0)] * (ct.ndim - 1) + [(0, network.input_shape[-1] - 1)])
        mask = ops.convert_to_numpy(ops.argmax(all_labels(network(seen, training=False)), axis=-1)).astype(np.uint8)
        lost = [(side - inner) // 2 for side, inner in zip(ct.shape[1:-1], mask.shape[1:], strict=True)]
        mask = np.pad(mask, [(0, 0), *((n, n) for n in lost)])
        volumes = {"CT": np.rint(ct[..., 0] * 255).astype(np.uint8), "truth": truth[..., 0], "mask": mask}
        return {name: one.reshape(-1, *one.shape[-2:]) for name, one in volumes.items()}

    return LogVolumes(draw, tensorboard, every=max(1, config.training.epochs // _SHOWN_EPOCHS), labels=config.labels)


class _WithTruth(keras.Model):
    """A graph that gives out the truth beside the mask: augmentation moves both, so the data's own is of no use."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y_pred["labels"], y_pred["mask"], sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y_pred["labels"], y_pred["mask"], sample_weight)
