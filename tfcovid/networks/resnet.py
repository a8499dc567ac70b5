"""ResNet, version 1, cut into stem and stages so that a network can enter between two stages.

Layer names, padding, biases and the batch normalisation's epsilon are those of `keras.applications.resnet`, so that
its weights fit by name and give the same output. Its bottleneck strides in the first 1x1 convolution.
"""

from dataclasses import dataclass

from keras import layers

_EPSILON = 1.001e-5
# PyTorch's default, with which the papers trained. Keras's own, 0.99, lags hundreds of steps behind the weights.
_MOMENTUM = 0.9


@dataclass(frozen=True)
class ResNetVariant:
    blocks: tuple[int, int, int, int]  # residual blocks of stages 1 to 4
    bottleneck: bool  # 1x1, 3x3, 1x1 with four times the channels out; else two 3x3
    width: int = 64  # channels of the stem and, before the fourfold, of stage 1; doubled at each stage

    def channels(self, stage: int) -> int:
        """Channels that stage 1, 2, 3 or 4 puts out."""
        return self.width * 2 ** (stage - 1) * (4 if self.bottleneck else 1)


RESNETS = {
    "resnet10_compact": ResNetVariant((1, 1, 1, 1), bottleneck=False, width=16),
    "resnet18": ResNetVariant((2, 2, 2, 2), bottleneck=False),
    "resnet34": ResNetVariant((3, 4, 6, 3), bottleneck=False),
    "resnet50": ResNetVariant((3, 4, 6, 3), bottleneck=True),
    "resnet101": ResNetVariant((3, 4, 23, 3), bottleneck=True),
}


def resnet_stem(x, variant: ResNetVariant):
    """7x7 convolution and 3x3 max pooling, each with stride 2: `(batch, height / 4, width / 4, width)`."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(variant.width, 7, strides=2, name="conv1_conv")(x)
    x = layers.ReLU(name="conv1_relu")(_norm(x, "conv1_bn"))
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def resnet_stage(x, variant: ResNetVariant, stage: int):
    """Stage 1, 2, 3 or 4; all but the first halve height and width."""
    width = variant.width * 2 ** (stage - 1)
    block = _bottleneck if variant.bottleneck else _basic
    for i in range(variant.blocks[stage - 1]):
        stride = 2 if i == 0 and stage > 1 else 1
        x = block(x, width, stride, first=i == 0, name=f"conv{stage + 1}_block{i + 1}")
    return x


def _bottleneck(x, width: int, stride: int, first: bool, name: str):
    shortcut = _shortcut(x, 4 * width, stride, name) if first else x
    x = layers.Conv2D(width, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = layers.ReLU(name=f"{name}_1_relu")(_norm(x, f"{name}_1_bn"))
    x = layers.Conv2D(width, 3, padding="same", name=f"{name}_2_conv")(x)
    x = layers.ReLU(name=f"{name}_2_relu")(_norm(x, f"{name}_2_bn"))
    x = _norm(layers.Conv2D(4 * width, 1, name=f"{name}_3_conv")(x), f"{name}_3_bn")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _basic(x, width: int, stride: int, first: bool, name: str):
    projected = first and (stride > 1 or x.shape[-1] != width)
    shortcut = _shortcut(x, width, stride, name) if projected else x
    # Explicit symmetric padding: "same" pads even sides by one less on the left, which no published weights expect.
    x = layers.ZeroPadding2D(1, name=f"{name}_1_pad")(x)
    x = layers.Conv2D(width, 3, strides=stride, use_bias=False, name=f"{name}_1_conv")(x)
    x = layers.ReLU(name=f"{name}_1_relu")(_norm(x, f"{name}_1_bn"))
    x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(x)
    x = _norm(x, f"{name}_2_bn")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _shortcut(x, channels: int, stride: int, name: str):
    return _norm(layers.Conv2D(channels, 1, strides=stride, name=f"{name}_0_conv")(x), f"{name}_0_bn")


def _norm(x, name: str):
    return layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=name)(x)
