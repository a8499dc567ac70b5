import keras
from keras import ops

from tfcovid.losses.label_maps import label_maps
from tfcovid.losses.sample_weight import one_weight_a_sample


@keras.saving.register_keras_serializable("tfcovid")
class DiceCrossEntropy(keras.losses.Loss):
    """Dice loss plus cross-entropy for label masks of which parts may be unlabelled.

        dice_weight * (1 - mean over labels of (2 sum(p g) + epsilon) / (sum(p) + sum(g) + epsilon))
        + cross_entropy_weight * mean over labelled voxels of -log p(label)

    Both for each sample by itself, over its labelled voxels; then the mean over the batch, in which a sample without
    any labelled voxel counts as 0. With `cross_entropy_weight=0` it is the plain Dice loss, which, unlike
    `keras.losses.Dice`, takes label masks and has a gradient where a mask is empty.

    `y_pred`: `(batch, ..., labels)`, any number of spatial axes, probabilities or logits of a softmax; one channel
    is that of a sigmoid, and means labels 0 and 1.
    `y_true`: labels `(batch, ...)` or `(batch, ..., 1)`, or one-hot. A label that `y_pred` has no channel for makes
    the loss NaN.

    Args:
        from_logits: whether `y_pred` is before the softmax or sigmoid, which is the more exact way.
        include_background: whether label 0 counts in the Dice. Not by default: in a CT it is nearly everything,
            its Dice nearly 1. In the cross-entropy it always counts.
        ignore_label: voxels of this label are unlabelled: no loss and no gradient (sparse annotation); None
            if there are none. Masks drawn as 0 and 255 have to become 0 and 1 first.
        epsilon: in voxels. With one voxel, a label that a sample does not have still pulls its false positives
            down; a tiny epsilon leaves them no slope.

    Raises:
        ValueError: arguments out of range; labels that do not lie on the grid of the prediction; weights of voxels.
    """

    def __init__(
        self,
        from_logits: bool = False,
        include_background: bool = False,
        ignore_label: int | None = 255,
        dice_weight: float = 1.0,
        cross_entropy_weight: float = 1.0,
        epsilon: float = 1.0,
        reduction: str = "sum_over_batch_size",
        name: str = "dice_cross_entropy",
    ):
        if min(dice_weight, cross_entropy_weight) < 0 or dice_weight + cross_entropy_weight == 0:
            raise ValueError(
                "the weights of Dice and cross-entropy are 0 or more, and not both 0. "
                f"Received: dice_weight={dice_weight}, cross_entropy_weight={cross_entropy_weight}"
            )
        if epsilon <= 0:
            raise ValueError(f"epsilon is above 0, or an empty mask gives 0/0. Received: epsilon={epsilon}")
        super().__init__(name, reduction, dtype="float32")
        self.from_logits, self.include_background, self.ignore_label = from_logits, include_background, ignore_label
        self.dice_weight, self.cross_entropy_weight, self.epsilon = dice_weight, cross_entropy_weight, epsilon

    def __call__(self, y_true, y_pred, sample_weight=None):
        one_weight_a_sample(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        if y_pred.shape[-1] == 1:
            # A sigmoid is a softmax whose background has logit 0.
            background = ops.zeros_like(y_pred) if self.from_logits else 1.0 - y_pred
            y_pred = ops.concatenate([background, y_pred], axis=-1)
        truth, known = label_maps(y_true, y_pred, self.ignore_label)
        # Before everything else, so that not even an infinite value there reaches the gradient.
        y_pred = ops.where(known, y_pred, 0.0)
        if self.from_logits:
            log_probability = ops.log_softmax(y_pred, axis=-1)
            probability = ops.where(known, ops.exp(log_probability), 0.0)
        else:
            log_probability = ops.log(ops.clip(y_pred, keras.config.epsilon(), 1.0))
            probability = y_pred

        axes = tuple(range(1, len(y_pred.shape) - 1))
        voxels = ops.sum(ops.cast(known, "float32"), axis=(*axes, -1))
        cross_entropy = -ops.sum(truth * log_probability, axis=(*axes, -1)) / ops.maximum(voxels, 1.0)
        overlap = 2.0 * ops.sum(probability * truth, axes) + self.epsilon
        dice = overlap / (ops.sum(probability, axes) + ops.sum(truth, axes) + self.epsilon)
        dice = dice if self.include_background else dice[:, 1:]
        return self.dice_weight * (1.0 - ops.mean(dice, -1)) + self.cross_entropy_weight * cross_entropy

    def get_config(self):
        return super().get_config() | {
            "from_logits": self.from_logits,
            "include_background": self.include_background,
            "ignore_label": self.ignore_label,
            "dice_weight": self.dice_weight,
            "cross_entropy_weight": self.cross_entropy_weight,
            "epsilon": self.epsilon,
        }
