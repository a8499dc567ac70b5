import keras
from keras import layers

from tfcovid.layers import CoordinateMaps, ImageNetScale, PrototypeLesionMap
from tfcovid.networks.arguments import check_shape, check_variant
from tfcovid.networks.resnet import RESNETS, resnet_stage, resnet_stem
from tfcovid.networks.weights import load_weights


def m3lung_slice(
    classes: int,
    input_shape: tuple[int, int, int] = (512, 512, 1),
    backbone: str = "resnet50",
    *,
    weights: str | None = None,
    multi_task: bool = True,
    attention: bool = True,
    coordinates: bool = True,
    distance: str = "cosine",
    dropout: float = 0.0,
) -> keras.Model:
    """The slice network of M3Lung-Sys (section III-B, figure 5).

    A ResNet up to the end of its third stage gives F3. A classifier on F3 calls the slice without or with lesion
    and makes an attention map; F3, that map and three coordinate maps enter the fourth stage, whose pooled output
    F4 names the disease. The three switches are the paper's ablations (Table V); all off is a plain ResNet.

    Input: `(batch, height, width, channels)` in [0, 1], a slice after window levelling; three channels are red,
    green, blue.
    Output, a dictionary:
        "disease": `(batch, classes)` probabilities, class 0 the healthy one.
        "lesion": `(batch, 2)` probabilities without and with lesion (with `multi_task`).
        "lesion_map": `(batch, height / 16, width / 16, 1)` in [0, 1], to be shown (with `multi_task`).
        "features": `(batch, F3 + F4 channels)`, pooled, for the patient network; 3072 with ResNet-50.

    Raises:
        ValueError: an unknown backbone, or attention without the classifier that makes it.
        InputError: weights that do not fit, see `load_weights`.
    """
    check_variant(backbone, RESNETS, "backbone")
    check_shape(input_shape, classes)
    if attention and not multi_task:
        raise ValueError("the attention map comes from the lesion classifier: attention needs multi_task.")

    variant = RESNETS[backbone]
    inputs = keras.Input(input_shape, name="slice")
    x = resnet_stem(ImageNetScale(variant.convention, name="imagenet")(inputs), variant)
    for stage in (1, 2, 3):
        x = resnet_stage(x, variant, stage)

    outputs = {}
    pooled = [layers.GlobalAveragePooling2D(name="pool_f3")(x)]
    extra = []
    if multi_task:
        lesion = PrototypeLesionMap(distance, name="prototypes")(x)
        outputs |= {"lesion": lesion["lesion"], "lesion_map": lesion["lesion_map"]}
        if attention:
            extra.append(lesion["attention"])
    if coordinates:
        extra.append(CoordinateMaps(name="coordinates")(x))
    if extra:
        x = layers.Concatenate(name="f3_lesion_coordinates")([x, *extra])
    x = resnet_stage(x, variant, 4)
    pooled.append(layers.GlobalAveragePooling2D(name="pool_f4")(x))
    outputs["features"] = layers.Concatenate(name="features", dtype="float32")(pooled)
    x = layers.Dropout(dropout, name="dropout")(pooled[1]) if dropout else pooled[1]
    outputs["disease"] = layers.Dense(classes, "softmax", name="disease", dtype="float32")(x)
    network = keras.Model(inputs, outputs, name="m3lung_slice")
    load_weights(network, backbone, weights, own=("prototypes",), stem="conv1_conv")
    return network
