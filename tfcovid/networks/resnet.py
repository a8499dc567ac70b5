"""ResNet, version 1, cut into stem and stages so that a network can enter between two stages.

Layer names and padding are those of `keras.applications.resnet`. Two flavours differ in the rest, which is data of a
row: that of `keras.applications` (its bottleneck strides in the first 1x1 convolution) and, with names that end in
`_timm`, that of torchvision and timm, which is the ResNet most papers trained. Each takes its peer's weights and gives
the same output.
"""

from dataclasses import dataclass

import keras
from keras import layers

from tfcovid.layers.imagenet_scale import ImageNetScale
from tfcovid.networks.arguments import check_shape, check_variant, disease, features
from tfcovid.networks.weights import load_weights

# PyTorch's default, with which the papers trained. Keras's own, 0.99, lags hundreds of steps behind the weights.
_MOMENTUM = 0.9


@dataclass(frozen=True)
class ResNetVariant:
    blocks: tuple[int, int, int, int]  # residual blocks of stages 1 to 4
    bottleneck: bool  # 1x1, 3x3, 1x1 with four times the channels out; else two 3x3
    width: int = 64  # channels of the stem and, before the fourfold, of stage 1; doubled at each stage
    stride_in_3x3: bool = False  # where a bottleneck strides: in its 3x3 convolution, or else in its first 1x1
    bias: bool = True  # of the stem's, the shortcuts' and the bottlenecks' convolutions
    epsilon: float = 1.001e-5  # of the batch normalisation
    convention: str = "caffe"  # how pixels were scaled, see ImageNetScale

    def channels(self, stage: int) -> int:
        """Channels that stage 1, 2, 3 or 4 puts out."""
        return self.width * 2 ** (stage - 1) * (4 if self.bottleneck else 1)


_TORCH = {"stride_in_3x3": True, "bias": False, "epsilon": 1e-5, "convention": "torch"}

RESNETS = {
    "resnet10_compact": ResNetVariant((1, 1, 1, 1), bottleneck=False, width=16),
    "resnet18": ResNetVariant((2, 2, 2, 2), bottleneck=False),
    "resnet34": ResNetVariant((3, 4, 6, 3), bottleneck=False),
    "resnet50": ResNetVariant((3, 4, 6, 3), bottleneck=True),
    "resnet101": ResNetVariant((3, 4, 23, 3), bottleneck=True),
    "resnet18_timm": ResNetVariant((2, 2, 2, 2), bottleneck=False, **_TORCH),
    "resnet34_timm": ResNetVariant((3, 4, 6, 3), bottleneck=False, **_TORCH),
    "resnet50_timm": ResNetVariant((3, 4, 6, 3), bottleneck=True, **_TORCH),
    "resnet101_timm": ResNetVariant((3, 4, 23, 3), bottleneck=True, **_TORCH),
}


def resnet(
    classes: int,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 1),
    variant: str = "resnet50",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """A ResNet classifier (He et al., 2016), the slice triage of paper 004.

    Input: `(batch, height, width, channels)` in [0, 1]; three channels are red, green, blue.
    Output: `(batch, classes)`; see `tfcovid.networks.arguments.disease`. The layer "features" holds what is pooled.

    Raises:
        ValueError: an unknown variant, or a shape or class count that no network can have.
        InputError: weights that do not fit, see `load_weights`.
    """
    check_variant(variant, RESNETS)
    check_shape(input_shape, classes)
    row = RESNETS[variant]
    inputs = keras.Input(input_shape, name="slice")
    x = resnet_trunk(ImageNetScale(row.convention, name="imagenet")(inputs), row)
    x = features(layers.GlobalAveragePooling2D(name="pool")(x))
    network = keras.Model(inputs, disease(x, classes, dropout, activation), name=variant)
    load_weights(network, variant, weights, stem="conv1_conv")
    return network


def resnet_trunk(x, variant: ResNetVariant):
    """Stem and the four stages: `(batch, height / 32, width / 32, channels(4))`, odd sides rounded up each time."""
    x = resnet_stem(x, variant)
    for stage in (1, 2, 3, 4):
        x = resnet_stage(x, variant, stage)
    return x


def resnet_stem(x, variant: ResNetVariant):
    """7x7 convolution and 3x3 max pooling, each with stride 2: `(batch, height / 4, width / 4, width)`."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(variant.width, 7, strides=2, use_bias=variant.bias, name="conv1_conv")(x)
    x = layers.ReLU(name="conv1_relu")(_norm(x, variant, "conv1_bn"))
    # Zeros are as good as the peers' minus infinity: nothing is below zero behind the ReLU.
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def resnet_stage(x, variant: ResNetVariant, stage: int):
    """Stage 1, 2, 3 or 4; all but the first halve height and width."""
    block = _bottleneck if variant.bottleneck else _basic
    for i in range(variant.blocks[stage - 1]):
        stride = 2 if i == 0 and stage > 1 else 1
        shortcut = x
        if i == 0 and (stride > 1 or x.shape[-1] != variant.channels(stage)):
            shortcut = _shortcut(x, variant, stage, stride)
        x = block(x, shortcut, variant, stage, stride, name=f"conv{stage + 1}_block{i + 1}")
    return x


def _bottleneck(x, shortcut, variant: ResNetVariant, stage: int, stride: int, name: str):
    width = variant.channels(stage) // 4
    first, second = (1, stride) if variant.stride_in_3x3 else (stride, 1)
    x = layers.Conv2D(width, 1, strides=first, use_bias=variant.bias, name=f"{name}_1_conv")(x)
    x = layers.ReLU(name=f"{name}_1_relu")(_norm(x, variant, f"{name}_1_bn"))
    x = _conv3x3(x, width, second, variant.bias, f"{name}_2")
    x = layers.ReLU(name=f"{name}_2_relu")(_norm(x, variant, f"{name}_2_bn"))
    x = layers.Conv2D(4 * width, 1, use_bias=variant.bias, name=f"{name}_3_conv")(x)
    x = _norm(x, variant, f"{name}_3_bn")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _basic(x, shortcut, variant: ResNetVariant, stage: int, stride: int, name: str):
    width = variant.channels(stage)
    x = _conv3x3(x, width, stride, False, f"{name}_1")
    x = layers.ReLU(name=f"{name}_1_relu")(_norm(x, variant, f"{name}_1_bn"))
    x = _norm(_conv3x3(x, width, 1, False, f"{name}_2"), variant, f"{name}_2_bn")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _shortcut(x, variant: ResNetVariant, stage: int, stride: int):
    name = f"conv{stage + 1}_block1_0"
    x = layers.Conv2D(variant.channels(stage), 1, strides=stride, use_bias=variant.bias, name=f"{name}_conv")(x)
    return _norm(x, variant, f"{name}_bn")


def _conv3x3(x, channels: int, stride: int, bias: bool, name: str):
    if stride == 1:
        return layers.Conv2D(channels, 3, padding="same", use_bias=bias, name=f"{name}_conv")(x)
    # Explicit symmetric padding: "same" pads even sides by one less on the left, which no published weights expect.
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.Conv2D(channels, 3, strides=stride, use_bias=bias, name=f"{name}_conv")(x)


def _norm(x, variant: ResNetVariant, name: str):
    return layers.BatchNormalization(momentum=_MOMENTUM, epsilon=variant.epsilon, name=name)(x)
