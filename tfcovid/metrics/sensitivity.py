import keras
from keras import ops

from tfcovid.metrics.one_against_rest import OneAgainstRest


@keras.saving.register_keras_serializable("tfcovid")
class Sensitivity(OneAgainstRest):
    """Sensitivity (SE, recall) of one class: TP / (TP + FN); 0 where the class does not occur.

    Samples, scores and weights as for `ConfusionMatrix`; the name is "sensitivity_" and the label unless given.
    """

    def result(self):
        positive, missed, _, _ = self.counts()
        return ops.divide_no_nan(positive, positive + missed)
