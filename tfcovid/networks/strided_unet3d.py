from dataclasses import dataclass

import keras
from keras import layers

from tfcovid.networks.arguments import check_shape, check_variant
from tfcovid.networks.weights import load_weights


@dataclass(frozen=True)
class StridedUNet3DVariant:
    widths: tuple[int, ...]  # channels of each level, the first already at half the resolution
    norm: str = "batch"  # or "instance", MONAI's default, without scale and offset


STRIDED_UNETS_3D = {
    "strided_unet3d": StridedUNet3DVariant((32, 64, 128, 256)),
    "strided_unet3d_instance": StridedUNet3DVariant((32, 64, 128, 256), "instance"),
    "strided_unet3d_compact": StridedUNet3DVariant((16, 32, 64, 128)),
}


def strided_unet3d(
    classes: int = 2,
    input_shape: tuple[int | None, int | None, int | None, int] = (120, 136, 136, 3),
    variant: str | StridedUNet3DVariant = "strided_unet3d",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """A 3-D U-Net of residual units that halves by stride (Kerfoot et al., 2018), the one for CPUs.

    Nothing but its last layers works at full resolution, which makes it many times faster than `unet3d` at the same
    widths. On the way down a unit of two 3 x 3 x 3 convolutions, the first of stride 2, beside a convolution of the
    same stride; on the way up a 3 x 3 x 3 transposed convolution of stride 2 and a unit of one convolution. Each but
    the last is normalised and followed by a PReLU of one slope. The definition is that of MONAI's `UNet` with strides
    of 2 and `num_res_units=2`, less the biases that the norms take away; `tfcovid.networks.convert` reads its weights.

    Input: `(batch, slices, height, width, channels)` in [0, 1], any number of channels; sides divide by 2 to the number
    of levels less one, 8 here.
    Output: `(batch, slices, height, width, classes)` float32, the layer "mask": a softmax, or a sigmoid where there is
    one class; `activation` None gives logits.

    Args:
        weights: see `load_weights`; the top level on the way up is of other classes' width and then starts anew, and
            channels after those that the weights know (clicks, say) start without effect.
        dropout: share dropped of the features at the bottom, in training.

    Raises:
        ValueError: an unknown variant, or sides that do not fit, with the nearest that do.
        InputError: weights that do not fit, see `load_weights`.
    """
    if isinstance(variant, StridedUNet3DVariant):
        row, name = variant, "strided_unet3d"
    else:
        check_variant(variant, STRIDED_UNETS_3D)
        row, name = STRIDED_UNETS_3D[variant], variant
    check_variant(row.norm, ("batch", "instance"), "norm")
    levels = len(row.widths)
    check_shape(input_shape, classes, rank=3, multiple=2 ** (levels - 1))

    inputs = keras.Input(input_shape, name="volume")
    x, skips = inputs, []
    for level, width in enumerate(row.widths, 1):
        x = _down(x, width, 2 if level < levels else 1, row.norm, f"encode{level}")
        skips.append(x)
    x = skips.pop()
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    for level in range(levels - 1, 0, -1):
        x = layers.Concatenate(name=f"join{level}")([skips.pop(), x])
        x = _up(x, row.widths[level - 2] if level > 1 else classes, row.norm, f"decode{level}", last=level == 1)
    if activation == "auto":
        activation = "sigmoid" if classes == 1 else "softmax"
    mask = layers.Activation(activation, dtype="float32", name="mask")(x)
    network = keras.Model(inputs, mask, name=name)
    load_weights(network, name, weights, own=[f"decode1_{part}" for part in ("up", "up_norm", "up_prelu", "conv")])
    return network


def _down(x, width: int, stride: int, norm: str, name: str):
    # Padded as PyTorch does: with "same", a stride of 2 would begin half a voxel later.
    padded = layers.ZeroPadding3D(((1, 0),) * 3, name=f"{name}_pad")(x) if stride > 1 else x
    padding = "valid" if stride > 1 else "same"
    shortcut = layers.Conv3D(
        width, 3 if stride > 1 else 1, strides=stride, padding=padding, kernel_initializer="he_normal",
        name=f"{name}_shortcut",
    )(padded)  # fmt: skip
    x = layers.Conv3D(
        width, 3, strides=stride, padding=padding, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv1"
    )(padded)
    x = _norm_and_prelu(x, norm, f"{name}_", "1")
    x = layers.Conv3D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv2")(x)
    x = _norm_and_prelu(x, norm, f"{name}_", "2")
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _up(x, width: int, norm: str, name: str, last: bool):
    x = layers.Conv3DTranspose(width, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name=f"{name}_up")(
        x
    )
    x = layers.Cropping3D(((1, 0),) * 3, name=f"{name}_crop")(x)
    x = shortcut = _norm_and_prelu(x, norm, f"{name}_up_", "")
    x = layers.Conv3D(width, 3, padding="same", use_bias=last, kernel_initializer="he_normal", name=f"{name}_conv")(x)
    if not last:
        x = _norm_and_prelu(x, norm, f"{name}_", "")
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _norm_and_prelu(x, norm: str, before: str, after: str):
    name = f"{before}norm{after}"
    if norm == "batch":
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
    else:
        x = layers.GroupNormalization(-1, epsilon=1e-5, center=False, scale=False, name=name)(x)
    slope = keras.initializers.Constant(0.25)
    return layers.PReLU(slope, shared_axes=[1, 2, 3, 4], name=f"{before}prelu{after}")(x)
