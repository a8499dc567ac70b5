import keras
from keras import ops

from tfcovid.metrics.one_against_rest import OneAgainstRest


@keras.saving.register_keras_serializable("tfcovid")
class F1(OneAgainstRest):
    """F1 of one class: 2 TP / (2 TP + FP + FN); 0 where the class neither occurs nor is predicted.

    Samples, scores and weights as for `ConfusionMatrix`; the name is "f1_" and the label unless given.
    """

    def result(self):
        positive, missed, too_many, _ = self.counts()
        return ops.divide_no_nan(2.0 * positive, 2.0 * positive + missed + too_many)
