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
    weights: str | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """A slice network that reads a slice by what a segmenter of infection outlines in it.

    Of the Attention U-Net it takes the map of infection and the features at its bottom, pooled. How much is outlined
    (`OutlinedArea`) and these features, normalised, say whether there is a lesion and which disease it is. For the
    patient network the outlined area counts as far as the slice is held to show a lesion: bowel and motion are
    outlined too. Of no paper.

    Input: `(batch, height, width, channels)` in [0, 1], a slice after window levelling; sides divide by 32.
    Output, a dictionary:
        "disease": `(batch, classes)` probabilities, class 0 the healthy one.
        "lesion": `(batch, 2)` probabilities without and with lesion.
        "lesion_map": `(batch, height / 2, width / 2, 1)` in [0, 1], what the segmenter outlines.
        "features": `(batch, 4)`, the outlined area times the probability of a lesion.

    Args:
        variant: a key of `ATTENTION_UNETS`.
        weights: of a segmenter of infection alone, see `load_weights`. It is the one backbone that `freeze` knows; left
            to train, it no longer outlines.

    Raises:
        ValueError: an unknown variant.
        InputError: weights that do not fit, see `load_weights`, or of a segmenter with other labels.
    """
    check_variant(variant, ATTENTION_UNETS)
    check_shape(input_shape, classes)
    segmenter = _segmenter(input_shape, variant, weights)
    inputs = keras.Input(input_shape, name="slice")
    outlined, bottom = segmenter(inputs)
    area = OutlinedArea(name="area", dtype="float32")(outlined)
    pooled = layers.GlobalAveragePooling2D(name="pool_bottom")(bottom)
    x = layers.Concatenate(name="area_bottom", dtype="float32")([area, pooled])
    x = layers.BatchNormalization(momentum=0.9, scale=False, center=False, name="area_bottom_norm")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    lesion = layers.Dense(2, "softmax", name="lesion", dtype="float32")(x)
    outputs = {
        "disease": layers.Dense(classes, "softmax", name="disease", dtype="float32")(x),
        "lesion": lesion,
        "lesion_map": layers.AveragePooling2D(2, name="lesion_map", dtype="float32")(outlined),
        "features": layers.Multiply(name="features", dtype="float32")([area, lesion[:, 1:]]),
    }
    return keras.Model(inputs, outputs, name="outlined_slice")


def _segmenter(input_shape: tuple[int, int, int], variant: str, weights: str | None) -> keras.Model:
    """From slices to the map of infection and the features at the bottom."""
    network = attention_unet(1, input_shape, variant, weights=weights)
    # A mask of other labels would have started anew, without a word.
    if weights not in (None, "imagenet"):
        found = [array.shape for array in read_weights(variant, weights).get("mask", [])]
        if found != [weight.shape for weight in network.get_layer("mask").weights]:
            raise InputError(
                "the segmenter that a slice is read by has the labels background and infection, and no others. "
                f"Received: weights={weights!r}"
            )
    bottom = network.get_layer(f"up{len(ATTENTION_UNETS[variant].widths) - 1}").input
    return keras.Model(network.input, [network.output, bottom], name="segmenter")
