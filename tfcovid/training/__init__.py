"""Config and manifest in, bundle out."""

from tfcovid.training.train import train

__all__ = ["train"]
