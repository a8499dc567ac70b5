from dataclasses import dataclass

import keras
from keras import layers

from tfcovid.layers.max_pooling_3d import MaxPooling3D
from tfcovid.networks.arguments import check_shape, check_variant, disease, features
from tfcovid.networks.weights import load_weights


@dataclass(frozen=True)
class ResNet3DVariant:
    blocks: tuple[int, int, int, int]  # residual blocks of stages 1 to 4
    bottleneck: bool  # 1x1x1, 3x3x3, 1x1x1 with four times the channels out; else two 3x3x3
    width: int = 64  # channels of the stem and, before the fourfold, of stage 1; doubled at each stage
    stem_stride: int = 2  # of the 7x7x7 convolution; pooling halves once more


RESNETS_3D = {
    "resnet3d10_compact": ResNet3DVariant((1, 1, 1, 1), bottleneck=False, width=16),
    "resnet3d18": ResNet3DVariant((2, 2, 2, 2), bottleneck=False),
    "resnet3d50": ResNet3DVariant((3, 4, 6, 3), bottleneck=True),
}


def resnet3d(
    classes: int,
    input_shape: tuple[int | None, int | None, int | None, int] = (64, 128, 128, 1),
    variant: str | ResNet3DVariant = "resnet3d18",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """A ResNet with 3-D convolutions on a whole scan, the baseline of paper 002's tables (Hara et al., 2018; Med3D).

    Shortcuts are 1 x 1 x 1 convolutions ("B") and a bottleneck strides in its middle convolution. The definition is
    that of MONAI with `conv1_t_stride=2, bias_downsample=False`, of which the first is what Med3D has, and the second
    leaves out a bias that the normalisation takes away anyhow.

    Input: `(batch, slices, height, width, channels)` in [0, 1], any number of channels.
    Output: `(batch, classes)`; see `tfcovid.networks.arguments.disease`. The layer "features" holds what is pooled.

    Raises:
        ValueError: an unknown variant, or a shape or class count that no network can have.
        InputError: weights that do not fit, see `load_weights`.
    """
    if isinstance(variant, ResNet3DVariant):
        row, name = variant, "resnet3d"
    else:
        check_variant(variant, RESNETS_3D)
        row, name = RESNETS_3D[variant], variant
    check_shape(input_shape, classes, rank=3)

    inputs = keras.Input(input_shape, name="volume")
    x = layers.ReLU(name="stem_relu")(_convolution(inputs, row.width, 7, row.stem_stride, "stem"))
    # Nothing is below zero here, so that padding with zeros is no padding at all to a maximum.
    x = MaxPooling3D(3, strides=2, name="stem_pool")(layers.ZeroPadding3D(1, name="stem_pool_pad")(x))
    block = _bottleneck if row.bottleneck else _basic
    for stage, blocks in enumerate(row.blocks, 1):
        for i in range(1, blocks + 1):
            stride = 2 if i == 1 and stage > 1 else 1
            x = block(x, row.width * 2 ** (stage - 1), stride, f"stage{stage}_block{i}")
    x = features(layers.GlobalAveragePooling3D(name="pool")(x))
    network = keras.Model(inputs, disease(x, classes, dropout, activation), name=name)
    load_weights(network, name, weights, stem="stem_conv")
    return network


def _basic(x, width: int, stride: int, name: str):
    shortcut = _shortcut(x, width, stride, name)
    x = layers.ReLU(name=f"{name}_relu1")(_convolution(x, width, 3, stride, f"{name}_1"))
    x = _convolution(x, width, 3, 1, f"{name}_2")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _bottleneck(x, width: int, stride: int, name: str):
    shortcut = _shortcut(x, 4 * width, stride, name)
    x = layers.ReLU(name=f"{name}_relu1")(_convolution(x, width, 1, 1, f"{name}_1"))
    x = layers.ReLU(name=f"{name}_relu2")(_convolution(x, width, 3, stride, f"{name}_2"))
    x = _convolution(x, 4 * width, 1, 1, f"{name}_3")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _shortcut(x, channels: int, stride: int, name: str):
    if stride == 1 and x.shape[-1] == channels:
        return x
    return _convolution(x, channels, 1, stride, f"{name}_0")


def _convolution(x, channels: int, size: int, stride: int, name: str):
    """Convolution and normalisation, padded as PyTorch does, by as much on either side, which "same" does not."""
    if size > 1:
        x = layers.ZeroPadding3D(size // 2, name=f"{name}_pad")(x)
    spread = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    x = layers.Conv3D(channels, size, strides=stride, use_bias=False, kernel_initializer=spread, name=f"{name}_conv")(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)
