"""Config and manifest in, bundle out."""

from tfcovid.training.train import check_run, train, unmarked

__all__ = ["check_run", "train", "unmarked"]
