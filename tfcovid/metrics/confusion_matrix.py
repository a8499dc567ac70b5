import keras
from keras import ops

from tfcovid.metrics.sample_weight import one_weight_a_sample


@keras.saving.register_keras_serializable("tfcovid")
class ConfusionMatrix(keras.metrics.Metric):
    """How often each class was taken for each: `(classes, classes)`, truth down the rows, decision along the columns.

    The decision is the class with the highest score, or for one sigmoid channel, which means classes 0 and 1, class 1
    above the threshold.

    `y_true`: class numbers `(batch,)` or `(batch, 1)`, or one-hot `(batch, classes)`. A number that is no class
    makes the result NaN, unless its sample has weight 0.
    `y_pred`: scores `(batch, classes)` or `(batch, 1)`.
    `sample_weight`: `(batch,)` or `(batch, 1)`; a sample counts as many times.

    Args:
        threshold: of one sigmoid channel; 0 if it gives logits.

    Raises:
        ValueError: fewer than two classes; scores of another number of classes, or of voxels.
    """

    def __init__(self, classes: int = 2, threshold: float = 0.5, name: str = "confusion_matrix"):
        if classes < 2:
            raise ValueError(f"two classes or more; a single sigmoid channel means two. Received: classes={classes}")
        super().__init__(name=name, dtype="float32")
        self.classes, self.threshold = classes, threshold
        self.matrix = self.add_weight(shape=(classes, classes), initializer="zeros", name="matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        scores = y_pred.shape[-1]
        if len(y_pred.shape) != 2 or (scores != self.classes and (scores, self.classes) != (1, 2)):
            fits = f"(batch, {self.classes})" + (" or (batch, 1)" if self.classes == 2 else "")
            raise ValueError(
                f"with classes={self.classes} scores are {fits}. Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if len(y_true.shape) > 2 or (len(y_true.shape) == 2 and y_true.shape[1] not in (1, self.classes)):
            raise ValueError(
                f"classes are (batch,), (batch, 1) or one-hot (batch, {self.classes}). "
                f"Received: y_true.shape={tuple(y_true.shape)}"
            )
        decision = y_pred > self.threshold if scores == 1 else ops.argmax(y_pred, -1, keepdims=True)
        one_hot = len(y_true.shape) == 2 and y_true.shape[1] != 1
        truth = ops.argmax(y_true, -1) if one_hot else y_true

        classes = ops.arange(self.classes, dtype="float32")
        column = ops.equal(ops.cast(decision, "float32"), classes)
        row = ops.equal(ops.reshape(ops.cast(truth, "float32"), (-1, 1)), classes)
        weight = one_weight_a_sample(sample_weight)
        row = ops.where(ops.any(row, axis=-1, keepdims=True), ops.cast(row, "float32"), float("nan"))
        row = ops.where(weight == 0.0, 0.0, row * weight)
        # Not a matrix product, which accelerators may round to fewer digits than the weights have.
        pairs = row[:, :, None] * ops.cast(column, "float32")[:, None, :]
        self.matrix.assign_add(ops.sum(pairs, axis=0))

    def result(self):
        return ops.convert_to_tensor(self.matrix)

    def get_config(self):
        return {"name": self.name, "classes": self.classes, "threshold": self.threshold}
