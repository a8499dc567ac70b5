import keras
from keras import ops

from tfcovid.metrics.confusion_matrix import ConfusionMatrix


@keras.saving.register_keras_serializable("tfcovid")
class MacroF1(ConfusionMatrix):
    """Mean over the classes of F1, the harmonic mean of precision and sensitivity.

    A class that neither occurs nor is predicted has no F1 and is left out of the mean, as scikit-learn does; one of
    which no sample is right has F1 0. Before any sample, 0.

    Samples, scores and weights as for `ConfusionMatrix`. (`keras.metrics.F1Score(average="macro")` takes one-hot
    labels only, needs two columns for two classes, and counts a class that does not occur as 0.)
    """

    def __init__(self, classes: int = 2, threshold: float = 0.5, name: str = "macro_f1"):
        super().__init__(classes, threshold, name)
        # Read by callbacks with mode="auto".
        self._direction = "up"

    def result(self):
        # Twice the true positives, and the false ones of both kinds.
        counted = ops.sum(self.matrix, axis=0) + ops.sum(self.matrix, axis=1)
        f1 = ops.divide_no_nan(2.0 * ops.diagonal(self.matrix), counted)
        return ops.divide_no_nan(ops.sum(f1), ops.sum(ops.cast(counted != 0.0, "float32")))
