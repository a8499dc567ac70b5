from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

from tfcovid.layers.attention_gate import AttentionGate
from tfcovid.networks.arguments import check_shape, check_variant
from tfcovid.networks.efficientnet import EFFICIENTNETS, efficientnet_stages
from tfcovid.networks.weights import load_weights


@dataclass(frozen=True)
class AttentionUNetVariant:
    widths: tuple[int, ...]  # channels at each resolution, the input's own first; one pooling fewer than these
    gates: Sequence[int] | str = "all"  # levels whose skip connection is gated, 1 the finest; () for a plain U-Net
    gate_stride: int = 2  # 2: gated by the coarser features as they are; 1: by those after the up-convolution
    normalised: bool = False  # batch normalisation inside the gates
    # A variant of `efficientnet` that takes the place of the way down, up to its sixth stage. Its skip connections are
    # the slices themselves and what its first, second, third and fifth stage give, and widths are those of the way up.
    encoder: str | None = None


# The text of paper 003 has five poolings and five up-convolutions and gives no widths: these are the smallest usual
# start, 32, doubled to 1,024 at the bottom, as wide as the original U-Net's. The compact one is for lungs, which are
# large and plain, on a machine without accelerator; under 8 MB in float32. The one on EfficientNet-Lite starts from
# ImageNet, for lesions, of which there are few masks; 12 MB in float32.
ATTENTION_UNETS = {
    "attention_unet": AttentionUNetVariant((32, 64, 128, 256, 512, 1024)),
    "attention_unet_compact": AttentionUNetVariant((16, 24, 48, 64, 128, 192)),
    "attention_unet_lite0": AttentionUNetVariant(
        (8, 24, 32, 48, 96, 192), gates=(2, 3, 4, 5), encoder="efficientnet_lite0"
    ),
}
_ENCODED = (1, 2, 3, 5, 6)  # stages of an EfficientNet that end at strides of 2, 4, 8, 16 and 32


def attention_unet(
    classes: int = 1,
    input_shape: tuple[int | None, int | None, int] = (256, 256, 1),
    variant: str | AttentionUNetVariant = "attention_unet",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """The U-Net with attention gates on its skip connections that outlines the lungs (paper 003, section 2.1).

    At each level two 3 x 3 convolutions, each with batch normalisation and ReLU; 2 x 2 max pooling down, 2 x 2
    transposed convolutions up. The gates are those of the paper's reference 15, see `AttentionGate`; `attention_maps`
    shows what they let through.

    Input: `(batch, height, width, channels)` in [0, 1]; sides divide by 2 to the number of poolings, 32 here.
    Output: `(batch, height, width, classes)` float32, the layer "mask": a sigmoid where there is one class, else a
    softmax; `activation` None gives logits.

    Args:
        weights: see `load_weights`; a head of other classes starts anew, and the kernels of one channel are spread
            evenly over several. "imagenet" is for a variant with an encoder, and starts that alone.
        dropout: share dropped of the features at the bottom, in training.

    Raises:
        ValueError: an unknown variant, sides that do not fit, a gate where no skip connection is.
        InputError: weights that do not fit, see `load_weights`.
    """
    if isinstance(variant, AttentionUNetVariant):
        row, name = variant, "attention_unet"
    else:
        check_variant(variant, ATTENTION_UNETS)
        row, name = ATTENTION_UNETS[variant], variant
    levels = len(row.widths)
    check_shape(input_shape, classes, multiple=2 ** (levels - 1))
    gates = tuple(range(1, levels)) if row.gates == "all" else tuple(row.gates)
    if not set(gates) <= set(range(1, levels)):
        raise ValueError(f"gates are 'all' or of the levels 1 to {levels - 1}. Received: gates={row.gates!r}")

    inputs = keras.Input(input_shape, name="slice")
    *skips, x = _encoded(inputs, row) if row.encoder else _way_down(inputs, row.widths)
    encoder = keras.Model(inputs, x).layers if row.encoder else ()
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    for level in range(levels - 1, 0, -1):
        width, skip = row.widths[level - 1], skips.pop()
        up = layers.Conv2DTranspose(width, 2, strides=2, kernel_initializer="he_normal", name=f"up{level}")(x)
        if level in gates:
            gate = AttentionGate(width, row.normalised, row.gate_stride, name=f"gate{level}")
            skip, _ = gate(skip, x if row.gate_stride == 2 else up)
        x = layers.Concatenate(name=f"join{level}")([skip, up])
        x = _two_convolutions(x, width, f"decode{level}")
    if activation == "auto":
        activation = "sigmoid" if classes == 1 else "softmax"
    mask = layers.Conv2D(classes, 1, activation=activation, dtype="float32", name="mask")(x)
    network = keras.Model(inputs, mask, name=name)
    # ImageNet knows an encoder only; a network of masks has it all.
    own = [layer.name for layer in network.layers if layer not in encoder] if weights == "imagenet" else ["mask"]
    load_weights(network, name, weights, own=own, stem="stem_conv" if row.encoder else "encode1_conv1")
    return network


def attention_maps(network: keras.Model) -> keras.Model:
    """From slices to what each gate let through: "gate1" (the finest) and so on, `(batch, height, width, 1)` in [0, 1].

    Raises:
        ValueError: a network without gates.
    """
    gates = {layer.name: layer.output[1] for layer in network.layers if isinstance(layer, AttentionGate)}
    if not gates:
        raise ValueError(f"no attention gate in this network. Received: network={network.name!r}")
    return keras.Model(network.input, gates, name=f"{network.name}_attention")


def _way_down(slices, widths: Sequence[int]) -> list:
    """Return the features at each resolution, the finest first."""
    x, levels = slices, []
    for level, width in enumerate(widths, 1):
        if level > 1:
            x = layers.MaxPooling2D(name=f"pool{level - 1}")(x)
        x = _two_convolutions(x, width, f"encode{level}")
        levels.append(x)
    return levels


def _encoded(slices, row: AttentionUNetVariant) -> list:
    """Return the slices and the features of the encoder, the finest first."""
    check_variant(row.encoder, EFFICIENTNETS, "encoder")
    stages = efficientnet_stages(slices, EFFICIENTNETS[row.encoder], stages=_ENCODED[-1])
    return [slices, *(stages[number - 1] for number in _ENCODED)]


def _two_convolutions(x, width: int, name: str):
    for i in (1, 2):
        x = layers.Conv2D(
            width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv{i}"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm{i}")(x)
        x = layers.ReLU(name=f"{name}_relu{i}")(x)
    return x
