"""Networks as Keras functional graphs, one family a file."""

from tfcovid.networks.m3lung_patient import m3lung_patient
from tfcovid.networks.m3lung_slice import m3lung_slice
from tfcovid.networks.resnet import RESNETS, resnet_stage, resnet_stem
from tfcovid.networks.weights import load_backbone_weights, weights_hash
from tfcovid.networks.windowed import windowed

__all__ = [
    "RESNETS",
    "load_backbone_weights",
    "m3lung_patient",
    "m3lung_slice",
    "resnet_stage",
    "resnet_stem",
    "weights_hash",
    "windowed",
]
