from dataclasses import dataclass

import keras
from keras import layers

from tfcovid.layers.coarse_dropout import CoarseDropout
from tfcovid.layers.drop_path import DropPath
from tfcovid.layers.efficient_channel_attention import EfficientChannelAttention
from tfcovid.layers.imagenet_scale import ImageNetScale
from tfcovid.layers.scaled_standardized_conv import ScaledStandardizedConv2D
from tfcovid.networks.arguments import check_shape, check_variant, disease, features
from tfcovid.networks.weights import load_weights

# One over the standard deviation of the SiLU of a standard normal variable, as the peer has it from samples.
_GAMMA = 1.7881293296813965
# What a residual branch is multiplied by, and what makes up for the gates of its attention.
_ALPHA = 0.2
_ATTENTION = 2.0


@dataclass(frozen=True)
class EcaNfnetVariant:
    blocks: tuple[int, int, int, int]  # residual blocks of stages 1 to 4
    features: int  # channels of the last convolution, which are pooled
    widths: tuple[int, int, int, int] = (256, 512, 1536, 1536)  # channels that each stage puts out
    stem: int = 128  # channels of the stem's last convolution; each before it has half of the next
    group: int = 64  # channels of a group in the 3x3 convolutions, of which a stage has a quarter of its width


ECA_NFNETS = {
    "eca_nfnet_l0": EcaNfnetVariant((1, 2, 6, 3), 2304),
    "eca_nfnet_l1": EcaNfnetVariant((2, 4, 12, 6), 3072),
    "eca_nfnet_l2": EcaNfnetVariant((3, 6, 18, 9), 3072),
}


def eca_nfnet(
    classes: int,
    input_shape: tuple[int | None, int | None, int] = (384, 384, 1),
    variant: str | EcaNfnetVariant = "eca_nfnet_l0",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
    drop_path: float = 0.0,
    coarse_dropout: float = 0.0,
) -> keras.Model:
    """An ECA-NFNet classifier, the network of SSFL slice selection (paper 000, section 2.2) as timm defines it.

    Residual blocks without normalisation: kernels are standardised, branches scaled so that the variance stays near
    1, and channels weighed by ECA (Brock and others, arXiv 2102.06171; the variants L0 to L2 are timm's own). `fuse`
    makes it a network of plain convolutions, for use after training.

    Input: `(batch, height, width, channels)` in [0, 1]; three channels are red, green, blue.
    Output: `(batch, classes)`; see `tfcovid.networks.arguments.disease`. The layer "features" holds what is pooled.

    Args:
        drop_path: the rate at which the last block's branch is dropped in training; the others' grow up to it evenly.
        coarse_dropout: the probability that a sample loses squares of the stem's feature maps in training; the paper
            has 0.2. At a quarter of the input's side they cover what the 8-pixel squares that the public code of the
            paper cuts out of the 384-pixel image would.

    Raises:
        ValueError: an unknown variant, or a shape or class count that no network can have.
        InputError: weights that do not fit, see `load_weights`.
    """
    if isinstance(variant, EcaNfnetVariant):
        row, name = variant, "eca_nfnet"
    else:
        check_variant(variant, ECA_NFNETS)
        row, name = ECA_NFNETS[variant], variant
    check_shape(input_shape, classes)

    inputs = keras.Input(input_shape, name="slice")
    x = _stem(ImageNetScale("torch", name="imagenet")(inputs), row.stem)
    if coarse_dropout:
        x = CoarseDropout(coarse_dropout, name="coarse_dropout")(x)
    before, last = 0, sum(row.blocks) - 1
    for stage, (blocks, width) in enumerate(zip(row.blocks, row.widths, strict=True), 1):
        for i in range(blocks):
            stride = 2 if i == 0 and stage > 1 else 1
            # Each block adds alpha^2 to the variance, which the first one's convolutional shortcut sets back to 1.
            # Only that block itself still sees what the stage before it left.
            added = i if i or stage == 1 else row.blocks[stage - 2]
            gamma = _GAMMA / (1 + added * _ALPHA**2) ** 0.5
            rate = drop_path * before / max(last, 1)
            x = _block(x, width, row.group, stride, gamma, rate, f"stage{stage}_block{i + 1}")
            before += 1
    x = _silu(_convolution(x, row.features, 1, "final_conv"), "final_silu")
    x = features(layers.GlobalAveragePooling2D(name="pool")(x))
    network = keras.Model(inputs, disease(x, classes, dropout, activation), name=name)
    load_weights(network, name, weights, stem="stem_conv1")
    return network


def _stem(x, width: int):
    for i, stride in enumerate((2, 1, 1, 2), 1):
        x = _convolution(x, width // 2 ** (4 - i), 3, f"stem_conv{i}", stride)
        if i < 4:
            x = _silu(x, f"stem_silu{i}")
    return x


def _block(x, width: int, group: int, stride: int, gamma: float, drop_path: float, name: str):
    """`gamma` is that of SiLU over the standard deviation of x: the convolutions take over what x is to be divided by.

    The branch is multiplied in its attention, on one number a channel.
    """
    middle = width // 4
    groups = middle // group
    out = _silu(x, f"{name}_silu1")
    shortcut = x
    if stride > 1 or x.shape[-1] != width:
        # "same" averages what is there at an odd side's end, as PyTorch does with ceil_mode and without padding.
        shortcut = layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")(out) if stride > 1 else out
        shortcut = _convolution(shortcut, width, 1, f"{name}_shortcut", gamma=gamma)
    out = _silu(_convolution(out, middle, 1, f"{name}_conv1", gamma=gamma), f"{name}_silu2")
    out = _silu(_convolution(out, middle, 3, f"{name}_conv2", stride, groups), f"{name}_silu2b")
    out = _silu(_convolution(out, middle, 3, f"{name}_conv2b", 1, groups), f"{name}_silu3")
    # A gain of zero: every branch is silent when training starts.
    out = _convolution(out, width, 1, f"{name}_conv3", gain_initializer="zeros")
    out = EfficientChannelAttention(_ATTENTION * _ALPHA, name=f"{name}_eca")(out)
    if drop_path:
        out = DropPath(drop_path, name=f"{name}_drop_path")(out)
    return layers.Add(name=f"{name}_add")([shortcut, out])


def _convolution(x, filters: int, size: int, name: str, stride: int = 1, groups: int = 1, gamma=_GAMMA, **options):
    if stride > 1:
        # "same" pads even sides by one less on the left, which no published weights expect.
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    padding = "valid" if stride > 1 else "same"
    return ScaledStandardizedConv2D(filters, size, stride, groups, padding, gamma, name=name, **options)(x)


def _silu(x, name: str):
    return layers.Activation("silu", name=name)(x)
