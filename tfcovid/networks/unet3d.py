from dataclasses import dataclass

import keras
from keras import layers

from tfcovid.layers.max_pooling_3d import MaxPooling3D
from tfcovid.networks.arguments import check_shape, check_variant
from tfcovid.networks.weights import load_weights


@dataclass(frozen=True)
class UNet3DVariant:
    widths: tuple[int, ...]  # channels at the end of each level; one pooling fewer than these


UNETS_3D = {
    "unet3d": UNet3DVariant((64, 128, 256, 512)),
    "unet3d_compact": UNet3DVariant((16, 32, 64, 128)),
}


def unet3d(
    classes: int = 2,
    input_shape: tuple[int | None, int | None, int | None, int] = (120, 136, 136, 3),
    variant: str | UNet3DVariant = "unet3d",
    *,
    padding: str = "same",
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """The 3-D U-Net that outlines lesions (paper 004, section II.B; Cicek et al., 2016).

    At each level two 3 x 3 x 3 convolutions, each with batch normalisation and ReLU, the number of channels doubled
    before each 2 x 2 x 2 max pooling; 2 x 2 x 2 transposed convolutions up, 1 x 1 x 1 out.

    Input: `(batch, slices, height, width, channels)`; three channels are the CT scaled to [0, 1] and the maps of the
    positive and the negative clicks in [0, 1]. Any number will do.
    Output: `(batch, slices, height, width, classes)` float32, the layer "mask": a softmax, or a sigmoid where there is
    one class; `activation` None gives logits.

    Args:
        padding: "same", sides divide by 8 and the mask has the sides of the input; or "valid", as published, where no
            voxel of the mask has seen padding and the mask is the inner part of the input, 44 voxels less on each
            side: (116, 132, 132) gives (28, 44, 44). Skip connections are cropped to fit.
        weights: see `load_weights`; a head of other classes starts anew, and channels after those that the weights
            know (clicks, say) start without effect. Weights of one padding serve the other.
        dropout: share dropped of the features at the bottom, in training.

    Raises:
        ValueError: an unknown variant or padding, or sides that do not fit, with the nearest that do.
        InputError: weights that do not fit, see `load_weights`.
    """
    if isinstance(variant, UNet3DVariant):
        row, name = variant, "unet3d"
    else:
        check_variant(variant, UNETS_3D)
        row, name = UNETS_3D[variant], variant
    check_variant(padding, ("same", "valid"), "padding")
    levels = len(row.widths)
    check_shape(input_shape, classes, rank=3, multiple=2 ** (levels - 1) if padding == "same" else 1)
    if padding == "valid":
        _check_valid(input_shape, levels)

    inputs = keras.Input(input_shape, name="volume")
    x, skips = inputs, []
    for level, width in enumerate(row.widths, 1):
        if level > 1:
            skips.append(x)
            x = MaxPooling3D(name=f"pool{level - 1}")(x)
        x = _two_convolutions(x, (width // 2, width), padding, f"encode{level}")
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    lost = 4  # voxels of each side of a skip connection that the levels below it took away
    for level in range(levels - 1, 0, -1):
        width, skip = row.widths[level - 1], skips.pop()
        # Without bias, as is the published count of parameters.
        x = layers.Conv3DTranspose(
            row.widths[level], 2, strides=2, use_bias=False, kernel_initializer="he_normal", name=f"up{level}"
        )(x)
        if padding == "valid":
            skip = layers.Cropping3D(lost, name=f"crop{level}")(skip)
            lost = 2 * lost + 8
        x = layers.Concatenate(name=f"join{level}")([skip, x])
        x = _two_convolutions(x, (width, width), padding, f"decode{level}")
    if activation == "auto":
        activation = "sigmoid" if classes == 1 else "softmax"
    mask = layers.Conv3D(classes, 1, activation=activation, dtype="float32", name="mask")(x)
    network = keras.Model(inputs, mask, name=name)
    load_weights(network, name, weights, own=("mask",))
    return network


def _two_convolutions(x, widths: tuple[int, int], padding: str, name: str):
    for i, width in enumerate(widths, 1):
        x = layers.Conv3D(
            width, 3, padding=padding, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv{i}"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm{i}")(x)
        x = layers.ReLU(name=f"{name}_relu{i}")(x)
    return x


def _check_valid(input_shape: tuple, levels: int) -> None:
    step = 2 ** (levels - 1)
    smallest = next(side for side in range(1, 1000) if _inner(side, levels))
    if all(side is None or _inner(side, levels) for side in input_shape[:-1]):
        return
    below, above = (
        tuple(side and max(smallest, smallest + (side + up - smallest) // step * step) for side in input_shape[:-1])
        for up in (0, step - 1)
    )
    fits = [(*shape, input_shape[-1]) for shape in dict.fromkeys((below, above))]
    raise ValueError(
        f"with padding 'valid' the sides are {smallest} or a multiple of {step} more: {' or '.join(map(str, fits))} "
        f"would fit. Received: input_shape={tuple(input_shape)}"
    )


def _inner(side: int, levels: int) -> int:
    """The side of the mask where nothing is padded, 0 where `side` does not fit."""
    for _ in range(levels - 1):
        side -= 4
        if side < 2 or side % 2:
            return 0
        side //= 2
    side -= 4
    for _ in range(levels - 1):
        if side < 1:
            return 0
        side = 2 * side - 4
    return max(side, 0)
