import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class NonparametricAssessment(keras.layers.Layer):
    """The diagnosis of a scan from the calls of its slices, without weights (M3Lung-Sys, appendix I).

    A slice is called healthy without a lesion, or with one that the disease head calls healthy (equation 4). The scan
    is healthy if the share of healthy slices exceeds `threshold`, otherwise it has the disease that most slices show
    (equation 5); of equals, the first.

    Input: `(batch, slices, classes)` probabilities, class 0 the healthy one, or `(batch, slices, classes + 2)` with the
        probabilities without and with lesion behind; and mask `(batch, slices)`, true on real slices.
    Output: `(batch, classes)` float32, half the share of slices called each class, half the diagnosis as 0 and 1. They
        sum to one, the largest is always the diagnosis, and the first ranks scans as the share of healthy slices does.
    """

    def __init__(self, classes: int, threshold: float = 0.99, **kwargs):
        # Shares are compared with a threshold near 1, where half precision has steps of a slice or more.
        super().__init__(**{"dtype": "float32"} | kwargs)
        if classes < 2:
            raise ValueError(f"healthy and one disease or more make two classes or more. Received: classes={classes}")
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold is a share of slices, 0 or more and below 1. Received: threshold={threshold}")
        self.classes, self.threshold = classes, threshold

    def build(self, probabilities_shape, slice_mask_shape=None):
        if probabilities_shape[-1] not in (self.classes, self.classes + 2):
            raise ValueError(
                f"a slice has {self.classes} probabilities, or {self.classes + 2} with those without and with lesion. "
                f"Received: {probabilities_shape[-1]}"
            )

    def call(self, probabilities, slice_mask):
        joined, lesion = probabilities[..., : self.classes], probabilities[..., self.classes :]
        if lesion.shape[-1]:
            joined = lesion[..., 1:] * joined
            joined = ops.concatenate([joined[..., :1] + lesion[..., :1], joined[..., 1:]], axis=-1)
        real = ops.cast(slice_mask, "float32")[..., None]
        called = ops.one_hot(ops.argmax(joined, axis=-1), self.classes, dtype="float32")
        shares = ops.sum(called * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
        disease = 1 + ops.cast(ops.argmax(shares[:, 1:], axis=-1), "int32")
        diagnosis = ops.where(shares[:, 0] > self.threshold, 0, disease)
        return (shares + ops.one_hot(diagnosis, self.classes, dtype="float32")) / 2

    def compute_output_spec(self, probabilities, slice_mask):
        return keras.KerasTensor((probabilities.shape[0], self.classes), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "threshold": self.threshold}
