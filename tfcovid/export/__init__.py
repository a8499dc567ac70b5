"""A bundle as TensorFlow graphs that need neither Keras nor tfcovid."""

from tfcovid.export.serving_model import ServingModel

__all__ = ["ServingModel"]
