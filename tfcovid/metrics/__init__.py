"""Keras metrics in `keras.ops`, one a file: they gather over batches and tell one number at the end."""

from tfcovid.metrics.confusion_matrix import ConfusionMatrix
from tfcovid.metrics.f1 import F1
from tfcovid.metrics.macro_f1 import MacroF1
from tfcovid.metrics.mean_dice import MeanDice
from tfcovid.metrics.sensitivity import Sensitivity
from tfcovid.metrics.specificity import Specificity

__all__ = ["F1", "ConfusionMatrix", "MacroF1", "MeanDice", "Sensitivity", "Specificity"]
