import keras
from keras import ops

from tfcovid.losses.label_maps import label_maps
from tfcovid.losses.sample_weight import one_weight_a_sample


@keras.saving.register_keras_serializable("tfcovid")
class FocalTversky(keras.losses.Loss):
    """Focal Tversky loss: the sum over the labels of (1 - TI)^gamma, with the Tversky index

        TI = (TP + epsilon) / (TP + alpha FN + beta FP + epsilon).

    TP, FN and FP are sums of probabilities over the voxels of one sample. Source: Tran et al., Deep Learning-Based
    Approach for Diagnosis of COVID-19 Patients from CT Lung Images, section 2.1, equations 1 and 2, whose term of
    alpha is printed as true negatives and read here as false negatives: alpha above beta makes a missed voxel dearer
    than one too many. (`keras.losses.Tversky` documents the two the other way round but computes them like this.)

    `y_pred`: probabilities, `(batch, ..., labels)`, any number of spatial axes; one sigmoid channel, the
    foreground, or a softmax over labels, all of which are counted.
    `y_true`: labels `(batch, ...)` or `(batch, ..., 1)`, 0 and 1 for one channel, or one-hot. A label that `y_pred`
    has no channel for makes the loss NaN.

    Args:
        alpha: weight of false negatives.
        beta: weight of false positives.
        gamma: 1 or more. (Some write the power as 1/gamma: give that number here.)
        epsilon: in voxels. With one voxel, an empty mask still pulls false positives down: its TI falls slowly from
            1 as they grow; a tiny epsilon would make it 0 at once, with no slope left.
        ignore_label: voxels of this label carry no loss and no gradient; None if there are none. Masks drawn
            as 0 and 255 have to become 0 and 1 first.
        over: "sample", one index a sample and label, then the mean over the batch; "batch", one index a label
            over all voxels of the batch (of a replica's part of it), for slices most of which are empty. "batch" takes
            no sample weights.

    Raises:
        ValueError: arguments out of range; labels that do not lie on the grid of the prediction; weights of voxels.
    """

    def __init__(
        self,
        alpha: float = 0.7,
        beta: float = 0.3,
        gamma: float = 1.3,
        epsilon: float = 1.0,
        ignore_label: int | None = 255,
        over: str = "sample",
        reduction: str = "sum_over_batch_size",
        name: str = "focal_tversky",
    ):
        if min(alpha, beta) < 0 or alpha + beta == 0:
            raise ValueError(f"alpha and beta are 0 or more, and not both 0. Received: alpha={alpha}, beta={beta}")
        if gamma < 1:
            raise ValueError(
                "gamma is 1 or more: below, the gradient grows without bound as the index nears 1. "
                f"Received: gamma={gamma}"
            )
        if epsilon <= 0:
            raise ValueError(f"epsilon is above 0, or an empty mask gives 0/0. Received: epsilon={epsilon}")
        if over not in ("sample", "batch"):
            raise ValueError(f"sums run over 'sample' or 'batch'. Received: over={over!r}")
        super().__init__(name, reduction, dtype="float32")
        self.alpha, self.beta, self.gamma, self.epsilon = alpha, beta, gamma, epsilon
        self.ignore_label, self.over = ignore_label, over

    def __call__(self, y_true, y_pred, sample_weight=None):
        if self.over == "batch" and sample_weight is not None:
            raise ValueError("over='batch' has one loss a batch, which sample weights cannot weigh: use 'sample'.")
        one_weight_a_sample(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        truth, known = label_maps(y_true, y_pred, self.ignore_label)
        prediction = ops.where(known, y_pred, 0.0)
        axes = tuple(range(1, len(y_pred.shape) - 1))
        if self.over == "batch":
            axes = (0, *axes)
        hit = ops.sum(prediction * truth, axes)
        missed = self.alpha * ops.sum((1.0 - prediction) * truth, axes)
        too_many = self.beta * ops.sum(prediction * (1.0 - truth), axes)
        # 1 - TI over the common denominator: as a difference it would lose its digits where TI is near 1.
        away = (missed + too_many) / (hit + missed + too_many + self.epsilon)
        # One loss a batch keeps an axis: Keras divides by the replicas of a strategy only what it reduces itself.
        return ops.reshape(ops.sum(away**self.gamma, axis=-1), (-1,))

    def get_config(self):
        return super().get_config() | {
            "alpha": self.alpha,
            "beta": self.beta,
            "gamma": self.gamma,
            "epsilon": self.epsilon,
            "ignore_label": self.ignore_label,
            "over": self.over,
        }
