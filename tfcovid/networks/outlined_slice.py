from collections.abc import Mapping

import keras
from keras import layers

from tfcovid.errors import InputError
from tfcovid.layers.outlined_area import OutlinedArea
from tfcovid.networks.arguments import check_shape, check_variant
from tfcovid.networks.attention_unet import ATTENTION_UNETS, attention_unet
from tfcovid.networks.weights import read_weights


def outlined_slice(
    classes: int,
    input_shape: tuple[int, int, int] = (256, 256, 1),
    variant: str = "attention_unet_lite0",
    *,
    lungs: str = "attention_unet_compact",
    weights: Mapping[str, str] | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """A slice network that reads a slice by the infection that a segmenter outlines in it.

    Two Attention U-Nets outline infection and lungs; what counts is the product of their probabilities, since bowel and
    bed are outlined too. How much that is (`OutlinedArea`), with the pooled features at the bottom of the first, says
    whether there is a lesion and which disease it is. For the patient network the area counts as far as the slice is
    held to show a lesion. Of no paper.

    Input: `(batch, height, width, channels)` in [0, 1], a slice after window levelling; sides divide by 32.
    Output, a dictionary:
        "disease": `(batch, classes)` probabilities, class 0 the healthy one.
        "lesion": `(batch, 2)` probabilities without and with lesion.
        "lesion_map": `(batch, height / 2, width / 2, 1)` in [0, 1], infection in lungs.
        "features": `(batch, 4)`, the area times the probability of a lesion.

    Args:
        variant, lungs: keys of `ATTENTION_UNETS`, of the networks of infection and of lungs.
        weights: "infection" and "lungs" -> weights of a segmenter of that alone, see `load_weights`. The two are the
            backbones that `freeze` knows; left to train, they no longer outline.

    Raises:
        ValueError: an unknown variant.
        InputError: weights that do not fit, see `load_weights`, or of a segmenter with other labels.
    """
    for name, row in (("variant", variant), ("lungs", lungs)):
        check_variant(row, ATTENTION_UNETS, name)
    check_shape(input_shape, classes)
    if weights is not None and set(weights) != {"infection", "lungs"}:
        raise InputError(
            f"weights are of infection and lungs, both or none. Received: {', '.join(weights) or 'neither'}"
        )
    weights = weights or {}
    inputs = keras.Input(input_shape, name="slice")
    infection, bottom = _segmenter("infection", input_shape, variant, weights.get("infection"))(inputs)
    inside, _ = _segmenter("lungs", input_shape, lungs, weights.get("lungs"))(inputs)
    outlined = layers.Multiply(name="outlined", dtype="float32")([infection, inside])
    area = OutlinedArea(name="area", dtype="float32")(outlined)
    pooled = layers.GlobalAveragePooling2D(name="pool_bottom")(bottom)
    x = layers.Concatenate(name="area_bottom", dtype="float32")([area, pooled])
    x = layers.BatchNormalization(momentum=0.9, scale=False, center=False, name="area_bottom_norm")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    # From zero: few steps on few weights would leave much of a random start in place.
    head = {"activation": "softmax", "kernel_initializer": "zeros", "dtype": "float32"}
    lesion = layers.Dense(2, name="lesion", **head)(x)
    outputs = {
        "disease": layers.Dense(classes, name="disease", **head)(x),
        "lesion": lesion,
        "lesion_map": layers.AveragePooling2D(2, name="lesion_map", dtype="float32")(outlined),
        "features": layers.Multiply(name="features", dtype="float32")([area, lesion[:, 1:]]),
    }
    return keras.Model(inputs, outputs, name="outlined_slice")


def _segmenter(name: str, input_shape: tuple[int, int, int], variant: str, weights: str | None) -> keras.Model:
    """From slices to the map and the features at the bottom."""
    network = attention_unet(1, input_shape, variant, weights=weights)
    # A mask of other labels would have started anew, without a word.
    if weights is not None:
        found = [array.shape for array in read_weights(variant, weights).get("mask", [])]
        if found != [weight.shape for weight in network.get_layer("mask").weights]:
            raise InputError(
                f"the segmenter that a slice is read by has the labels background and {name}, and no others. "
                f"Received: weights={weights!r}"
            )
    bottom = network.get_layer(f"up{len(ATTENTION_UNETS[variant].widths) - 1}").input
    return keras.Model(network.input, [network.output, bottom], name=name)
