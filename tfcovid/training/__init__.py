"""Config and manifest in, bundle out."""

from tfcovid.training.train import check_run, train, unmarked
from tfcovid.training.train_members import train_members

__all__ = ["check_run", "train", "train_members", "unmarked"]
