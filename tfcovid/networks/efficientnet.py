import math
from dataclasses import dataclass

import keras
from keras import layers

from tfcovid.layers.drop_path import DropPath
from tfcovid.layers.imagenet_scale import ImageNetScale
from tfcovid.networks.arguments import check_shape, check_variant, disease, features
from tfcovid.networks.weights import load_weights

# Of the stages of B0: kernel, blocks, stride of the first block, factor by which a block widens its input, channels.
_STAGES = (
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
)
# What both peers start convolutions from.
_INITIALIZER = {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}


@dataclass(frozen=True)
class Block:
    name: str
    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels: int


@dataclass(frozen=True)
class EfficientNetVariant:
    width: float  # factor on the channels of B0
    depth: float  # factor on the blocks of each stage of B0
    # TensorFlow's padding, one pixel less above and left where a stride meets an even side; PyTorch's is symmetric.
    symmetric: bool = False
    epsilon: float = 1e-3  # of the batch normalisation, and its momentum
    momentum: float = 0.99
    # EfficientNet-Lite: ReLU6 in place of SiLU, no squeeze and excitation, and stem, head and the depth of the first
    # and the last stage are not scaled.
    lite: bool = False

    def channels(self, of_b0: int) -> int:
        """Scaled to a multiple of 8, the nearest, or the next where that would take more than a tenth away."""
        wanted = of_b0 * self.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wanted else rounded

    def ends(self, of_b0: int) -> int:
        """Return the channels of the stem or the head."""
        return of_b0 if self.lite else self.channels(of_b0)

    def blocks(self) -> list[list[Block]]:
        """Return the blocks of each of the seven stages."""
        stages, channels_in = [], self.ends(32)
        for number, (kernel, repeats, stride, expansion, of_b0) in enumerate(_STAGES, start=1):
            stages.append([])
            fixed = self.lite and number in (1, len(_STAGES))
            for i in range(repeats if fixed else math.ceil(self.depth * repeats)):
                name, channels = f"block{number}{chr(ord('a') + i)}", self.channels(of_b0)
                stages[-1].append(Block(name, kernel, stride if i == 0 else 1, expansion, channels_in, channels))
                channels_in = channels
        return stages


_SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1))
_TORCH = {"symmetric": True, "epsilon": 1e-5, "momentum": 0.9}

EFFICIENTNETS = {f"efficientnet_b{i}": EfficientNetVariant(*scale) for i, scale in enumerate(_SCALES)} | {
    f"efficientnet_b{i}_timm": EfficientNetVariant(*scale, **_TORCH) for i, scale in enumerate(_SCALES)
}
_LITE_SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))
EFFICIENTNETS |= {
    f"efficientnet_lite{i}": EfficientNetVariant(*scale, lite=True) for i, scale in enumerate(_LITE_SCALES)
}


def efficientnet(
    classes: int,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 1),
    variant: str = "efficientnet_b3",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    drop_path: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """An EfficientNet classifier, B0 to B7 (Tan and Le, 2019): B4 is the network of paper 003, B3 that of eff-mix-conv.

    `efficientnet_lite0` to `lite4` are the EfficientNet-Lite of its authors, made for edge devices and integers:
    trained at 224, 240, 260, 280 and 300 pixels, fed (255 x - 127) / 128.

    Of the others there are two flavours, with the same layer names: `efficientnet_b0` takes the weights of
    `keras.applications` and gives the same output, `efficientnet_b0_timm` those of timm's network of that name. They
    differ in padding, epsilon and momentum.

    The pixels of B0 to B7 are scaled by mean and standard deviation of ImageNet. That is what the rescaling, the
    normalisation and the second rescaling inside `keras.applications` come to with its ImageNet weights, whose
    normalisation divides by the root of the deviation, and whose second rescaling by that root again. A network of
    `keras.applications` that was built without weights lacks the second one: train it elsewhere, and its pixels are
    scaled otherwise than here.

    Input: `(batch, height, width, channels)` in [0, 1]; three channels are red, green, blue.
    Output: `(batch, classes)`; see `tfcovid.networks.arguments.disease`. The layer "features" holds what is pooled.

    Args:
        dropout: before the head; the paper has 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5 from B0 to B7.
        drop_path: probability of dropping a block's branch in training (stochastic depth), rising linearly from 0 at
            the first block to this behind the last. `keras.applications` and the paper have 0.2, timm 0 unless asked
            otherwise; eff-mix-conv trained B3 with 0.2.

    Raises:
        ValueError: an unknown variant, or a shape or class count that no network can have.
        InputError: weights that do not fit, see `load_weights`.
    """
    check_variant(variant, EFFICIENTNETS)
    check_shape(input_shape, classes)
    row = EFFICIENTNETS[variant]
    inputs = keras.Input(input_shape, name="slice")
    x = efficientnet_stages(inputs, row, drop_path)[-1]
    x = _norm(_conv(x, row.ends(1280), "top"), row, "top_bn", "top_activation")
    x = features(layers.GlobalAveragePooling2D(name="pool")(x))
    network = keras.Model(inputs, disease(x, classes, dropout, activation), name=variant)
    load_weights(network, variant, weights, stem="stem_conv")
    return network


def efficientnet_stages(slices, row: EfficientNetVariant, drop_path: float = 0.0, stages: int = len(_STAGES)) -> list:
    """Return the output of the first `stages` of the seven stages, for a classifier or for an encoder.

    The stages have strides of 2, 4, 8, 16, 16, 32 and 32 pixels.

    Args:
        slices: `(batch, height, width, channels)` in [0, 1].
    """
    x = ImageNetScale("lite" if row.lite else "torch", name="imagenet")(slices)
    x, padding = _bordered(x, row, 3, 2, "stem_conv")
    x = _norm(_conv(x, row.ends(32), "stem", 3, 2, padding), row, "stem_bn", "stem_activation")
    blocks, number, outputs = row.blocks(), 0, []
    total = sum(map(len, blocks))
    for stage in blocks[:stages]:
        for block in stage:
            x = _block(x, row, block, drop_path * number / total)
            number += 1
        outputs.append(x)
    return outputs


def _block(inputs, row: EfficientNetVariant, block: Block, drop_path: float):
    """A 1x1 convolution wider, a convolution of each channel for itself, squeeze and excitation, 1x1 narrower."""
    x, name, wide = inputs, block.name, block.channels_in * block.expansion
    if block.expansion > 1:
        x = _norm(_conv(x, wide, f"{name}_expand"), row, f"{name}_expand_bn", f"{name}_expand_activation")
    x, padding = _bordered(x, row, block.kernel, block.stride, f"{name}_dwconv")
    x = layers.DepthwiseConv2D(
        block.kernel,
        block.stride,
        padding,
        use_bias=False,
        depthwise_initializer=keras.initializers.VarianceScaling(**_INITIALIZER),
        name=f"{name}_dwconv",
    )(x)
    x = _norm(x, row, f"{name}_bn", f"{name}_activation")
    if not row.lite:
        # Squeezed to a quarter of what came into the block, not of the wider middle.
        squeezed = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_se_squeeze")(x)
        squeezed = _squeeze_conv(squeezed, block.channels_in // 4, "silu", f"{name}_se_reduce")
        squeezed = _squeeze_conv(squeezed, wide, "sigmoid", f"{name}_se_expand")
        x = layers.Multiply(name=f"{name}_se_excite")([x, squeezed])
    x = _norm(_conv(x, block.channels, f"{name}_project"), row, f"{name}_project_bn")
    if block.stride > 1 or block.channels_in != block.channels:
        return x
    if drop_path:
        x = DropPath(drop_path, name=f"{name}_drop")(x)
    return layers.Add(name=f"{name}_add")([x, inputs])


def _bordered(x, row: EfficientNetVariant, kernel: int, stride: int, name: str):
    """What the convolution of that name takes, and the padding it takes it with."""
    # TensorFlow's "same" is the padding that keras.applications works out from the sides, and follows sides that are
    # not known, which the latter takes for even ones. Where nothing strides, it is symmetric.
    if stride == 1 or not row.symmetric:
        return x, "same"
    return layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x), "valid"


def _conv(x, channels: int, name: str, kernel: int = 1, stride: int = 1, padding: str = "same"):
    initializer = keras.initializers.VarianceScaling(**_INITIALIZER)
    return layers.Conv2D(
        channels, kernel, stride, padding, use_bias=False, kernel_initializer=initializer, name=f"{name}_conv"
    )(x)


def _squeeze_conv(x, channels: int, activation: str, name: str):
    initializer = keras.initializers.VarianceScaling(**_INITIALIZER)
    return layers.Conv2D(channels, 1, activation=activation, kernel_initializer=initializer, name=name)(x)


def _norm(x, row: EfficientNetVariant, name: str, activation: str | None = None):
    x = layers.BatchNormalization(momentum=row.momentum, epsilon=row.epsilon, name=name)(x)
    return layers.Activation("relu6" if row.lite else "silu", name=activation)(x) if activation else x
