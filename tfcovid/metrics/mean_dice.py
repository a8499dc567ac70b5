from collections.abc import Sequence

import keras
from keras import ops

from tfcovid.metrics.sample_weight import one_weight_a_sample


@keras.saving.register_keras_serializable("tfcovid")
class MeanDice(keras.metrics.Metric):
    """Dice of a label for each sample by itself, then the mean over the samples; of several labels, their mean.

    Dice is 2 |truth and decision| / (|truth| + |decision|) over the labelled voxels of one sample. It is not the Dice
    of all voxels of a batch or epoch pooled, which lets patients with large lesions decide: papers report the mean
    over patients, so a sample should be a patient's volume. The decision is the label with the highest score, or for
    one sigmoid channel, which means labels 0 and 1, label 1 above the threshold.

    `y_true`: labels `(batch, ...)` or `(batch, ..., 1)`, or one-hot; any number of spatial axes.
    `y_pred`: scores `(batch, ..., labels)` or `(batch, ..., 1)`.
    `sample_weight`: `(batch,)` or `(batch, 1)`; a sample counts as many times.

    Args:
        labels: a label, or several.
        both_empty: a sample whose truth and decision are both without the label "left_out" is not counted for it,
            "one" is counted as 1. Left out by default: where most samples lack the label, ones would hide how
            well it is outlined. A label in only one of the two is 0 either way.
        ignore_label: voxels of this label are unlabelled and not looked at; None if there are none. A sample
            without any labelled voxel is left out.
        threshold: of one sigmoid channel; 0 if it gives logits.
        name: "dice_" and the labels unless given.

    A label that no sample counted for is left out of the mean; before any sample the result is 0.

    Raises:
        ValueError: no labels, or one that the scores have no channel for; masks of another grid than the scores.
    """

    def __init__(
        self,
        labels: int | Sequence[int] = 1,
        both_empty: str = "left_out",
        ignore_label: int | None = 255,
        threshold: float = 0.5,
        name: str | None = None,
    ):
        labels = (labels,) if isinstance(labels, int) else tuple(labels)
        if not labels or min(labels) < 0 or len(set(labels)) < len(labels):
            raise ValueError(f"labels are one or more different numbers from 0. Received: labels={labels}")
        if both_empty not in ("left_out", "one"):
            raise ValueError(f"both_empty is 'left_out' or 'one'. Received: both_empty={both_empty!r}")
        super().__init__(name=name or "_".join(map(str, ("dice", *labels))), dtype="float32")
        self.labels, self.both_empty, self.ignore_label, self.threshold = labels, both_empty, ignore_label, threshold
        self.total = self.add_weight(shape=(len(labels),), initializer="zeros", name="total")
        self.samples = self.add_weight(shape=(len(labels),), initializer="zeros", name="samples")
        # Read by callbacks with mode="auto".
        self._direction = "up"

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.convert_to_tensor(y_pred)
        self._check(y_true.shape, y_pred.shape)
        if len(y_true.shape) < len(y_pred.shape):
            y_true = y_true[..., None]
        one_channel = y_pred.shape[-1] == 1
        decision = y_pred[..., 0] > self.threshold if one_channel else ops.argmax(y_pred, axis=-1)
        decision = ops.cast(decision, "int32")
        truth = ops.cast(y_true[..., 0] if y_true.shape[-1] == 1 else ops.argmax(y_true, axis=-1), "int32")
        known = ops.ones_like(truth, dtype="bool")
        if self.ignore_label is not None:
            known = ops.all(ops.not_equal(y_true, float(self.ignore_label)), axis=-1)

        axes = tuple(range(1, len(truth.shape)))
        dice, counted = [], []
        for label in self.labels:
            of_truth = ops.logical_and(truth == label, known)
            of_decision = ops.logical_and(decision == label, known)
            overlap = _voxels(ops.logical_and(of_truth, of_decision), axes)
            both = _voxels(of_truth, axes) + _voxels(of_decision, axes)
            dice.append(ops.where(both == 0.0, 1.0, 2.0 * overlap / ops.maximum(both, 1.0)))
            counted.append(both > 0.0 if self.both_empty == "left_out" else ops.any(known, axis=axes))
        counted = ops.cast(ops.stack(counted, axis=-1), "float32") * one_weight_a_sample(sample_weight)
        self.total.assign_add(ops.sum(ops.stack(dice, axis=-1) * counted, axis=0))
        self.samples.assign_add(ops.sum(counted, axis=0))

    def result(self):
        # Over the samples, then over the labels that any sample counted for.
        dice = ops.divide_no_nan(self.total, self.samples)
        return ops.divide_no_nan(ops.sum(dice), ops.sum(ops.cast(self.samples != 0.0, "float32")))

    def get_config(self):
        return {
            "name": self.name,
            "labels": list(self.labels),
            "both_empty": self.both_empty,
            "ignore_label": self.ignore_label,
            "threshold": self.threshold,
        }

    def _check(self, true_shape, pred_shape):
        *grid, channels = pred_shape
        sides = true_shape if len(true_shape) < len(pred_shape) else true_shape[:-1]
        depth = 1 if len(true_shape) < len(pred_shape) else true_shape[-1]
        same = len(sides) == len(grid) and all(
            side == other or None in (side, other) for side, other in zip(sides, grid, strict=True)
        )
        if not same or depth not in (1, channels):
            raise ValueError(
                "for scores (batch, ..., labels) the masks are (batch, ...), (batch, ..., 1) or one-hot, on the same "
                f"grid. Received: y_true.shape={tuple(true_shape)}, y_pred.shape={tuple(pred_shape)}"
            )
        if max(self.labels) >= max(channels, 2):
            raise ValueError(
                f"the scores tell labels 0 to {max(channels, 2) - 1} apart. "
                f"Received: labels={self.labels}, y_pred.shape={tuple(pred_shape)}"
            )


def _voxels(where, axes):
    return ops.sum(ops.cast(where, "float32"), axes)
