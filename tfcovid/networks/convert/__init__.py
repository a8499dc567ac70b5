"""PyTorch checkpoints to Keras weights, one family a file."""

from tfcovid.networks.convert.checkpoint import read_checkpoint
from tfcovid.networks.convert.convert import convert_checkpoint, convert_tensors, convertible, variant_of
from tfcovid.networks.convert.keras_hub import HUB_PRESETS, from_hub

__all__ = [
    "HUB_PRESETS",
    "convert_checkpoint",
    "convert_tensors",
    "convertible",
    "from_hub",
    "read_checkpoint",
    "variant_of",
]
