"""Keras losses in `keras.ops`, one a file: those the papers need and Keras does not have."""

from tfcovid.losses.dice_cross_entropy import DiceCrossEntropy
from tfcovid.losses.focal_tversky import FocalTversky

__all__ = ["DiceCrossEntropy", "FocalTversky"]
