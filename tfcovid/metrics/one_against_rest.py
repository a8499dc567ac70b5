from keras import ops

from tfcovid.metrics.confusion_matrix import ConfusionMatrix


class OneAgainstRest(ConfusionMatrix):
    """What metrics of one class share: which class, and its four counts.

    Raises:
        ValueError: a label that is none of the classes.
    """

    def __init__(self, label: int = 1, classes: int = 2, threshold: float = 0.5, name: str | None = None):
        if not 0 <= label < classes:
            raise ValueError(f"label is one of the classes, 0 to {classes - 1}. Received: label={label}")
        super().__init__(classes, threshold, name or f"{type(self).__name__.lower()}_{label}")
        self.label = label
        # Read by callbacks with mode="auto".
        self._direction = "up"

    def counts(self) -> tuple:
        """True positives, false negatives, false positives and true negatives of the label."""
        matrix = ops.convert_to_tensor(self.matrix)
        positive = matrix[self.label, self.label]
        missed = ops.sum(matrix[self.label]) - positive
        too_many = ops.sum(matrix[:, self.label]) - positive
        return positive, missed, too_many, ops.sum(matrix) - positive - missed - too_many

    def get_config(self):
        return super().get_config() | {"label": self.label}
