"""Config and manifest in, bundle out."""

from tfcovid.training.train import check_run, train, unmarked
from tfcovid.training.train_members import train_members
from tfcovid.training.train_segmenter import train_segmenter

__all__ = ["check_run", "train", "train_members", "train_segmenter", "unmarked"]
