import keras
from keras import ops

from tfcovid.metrics.one_against_rest import OneAgainstRest


@keras.saving.register_keras_serializable("tfcovid")
class Specificity(OneAgainstRest):
    """Specificity (SP) of one class: TN / (TN + FP) with all other classes as negatives; 0 where there are none.

    Samples, scores and weights as for `ConfusionMatrix`; the name is "specificity_" and the label unless given.
    """

    def result(self):
        _, _, too_many, negative = self.counts()
        return ops.divide_no_nan(negative, negative + too_many)
