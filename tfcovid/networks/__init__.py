"""Networks as Keras functional graphs, one family a file."""

from tfcovid.networks.aggregator import AGGREGATORS, aggregator
from tfcovid.networks.arguments import embedding
from tfcovid.networks.attention_unet import ATTENTION_UNETS, AttentionUNetVariant, attention_maps, attention_unet
from tfcovid.networks.build import build, variants
from tfcovid.networks.densenet import DENSENETS, densenet
from tfcovid.networks.eca_nfnet import ECA_NFNETS, EcaNfnetVariant, eca_nfnet
from tfcovid.networks.eff_mix_conv import eff_mix_conv
from tfcovid.networks.efficientnet import EFFICIENTNETS, EfficientNetVariant, efficientnet
from tfcovid.networks.fold import fold
from tfcovid.networks.freeze import freeze
from tfcovid.networks.fuse import fuse
from tfcovid.networks.m3lung_patient import m3lung_patient
from tfcovid.networks.m3lung_slice import m3lung_slice
from tfcovid.networks.outlined_slice import outlined_slice
from tfcovid.networks.res_dense import res_dense
from tfcovid.networks.resnet import RESNETS, ResNetVariant, resnet, resnet_stage, resnet_stem
from tfcovid.networks.resnet3d import RESNETS_3D, ResNet3DVariant, resnet3d
from tfcovid.networks.stack_25d import stack_25d
from tfcovid.networks.strided_unet3d import STRIDED_UNETS_3D, StridedUNet3DVariant, strided_unet3d
from tfcovid.networks.unet3d import UNETS_3D, UNet3DVariant, unet3d
from tfcovid.networks.weights import load_weights, weights_hash
from tfcovid.networks.windowed import windowed

__all__ = [
    "AGGREGATORS",
    "ATTENTION_UNETS",
    "DENSENETS",
    "ECA_NFNETS",
    "EFFICIENTNETS",
    "RESNETS",
    "RESNETS_3D",
    "STRIDED_UNETS_3D",
    "UNETS_3D",
    "AttentionUNetVariant",
    "EcaNfnetVariant",
    "EfficientNetVariant",
    "ResNet3DVariant",
    "ResNetVariant",
    "StridedUNet3DVariant",
    "UNet3DVariant",
    "aggregator",
    "attention_maps",
    "attention_unet",
    "build",
    "densenet",
    "eca_nfnet",
    "eff_mix_conv",
    "efficientnet",
    "embedding",
    "fold",
    "freeze",
    "fuse",
    "load_weights",
    "m3lung_patient",
    "m3lung_slice",
    "outlined_slice",
    "res_dense",
    "resnet",
    "resnet3d",
    "resnet_stage",
    "resnet_stem",
    "stack_25d",
    "strided_unet3d",
    "unet3d",
    "variants",
    "weights_hash",
    "windowed",
]
