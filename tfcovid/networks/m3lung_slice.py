import keras
from keras import layers

from tfcovid.layers import CoordinateMaps, PrototypeLesionMap
from tfcovid.networks.resnet import RESNETS, resnet_stage, resnet_stem

# What keras.applications subtracts from 0-255 pixels before its ResNets, blue, green, red.
_IMAGENET_MEAN = (103.939, 116.779, 123.68)


def m3lung_slice(
    classes: int,
    input_shape: tuple[int, int, int] = (512, 512, 1),
    backbone: str = "resnet50",
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

    Input: `(batch, height, width, channels)` in [0, 1], a slice after window levelling. One channel is repeated
    to the three that ImageNet weights expect, which is exact; three are taken as blue, green, red.
    Output, a dictionary:
        "disease": `(batch, classes)` probabilities, class 0 the healthy one.
        "lesion": `(batch, 2)` probabilities without and with lesion (with `multi_task`).
        "lesion_map": `(batch, height / 16, width / 16, 1)` in [0, 1], to be shown (with `multi_task`).
        "features": `(batch, F3 + F4 channels)`, pooled, for the patient network; 3072 with ResNet-50.

    Raises:
        ValueError: an unknown backbone, or attention without the classifier that makes it.
    """
    if backbone not in RESNETS:
        raise ValueError(f"backbone is one of {', '.join(RESNETS)}. Received: backbone={backbone!r}")
    if attention and not multi_task:
        raise ValueError("the attention map comes from the lesion classifier: attention needs multi_task.")
    if input_shape[-1] not in (1, 3):
        raise ValueError(f"a slice has 1 or 3 channels. Received: input_shape={input_shape}")

    variant = RESNETS[backbone]
    inputs = keras.Input(input_shape, name="slice")
    x = layers.Concatenate(name="grey_to_rgb")([inputs] * 3) if input_shape[-1] == 1 else inputs
    x = layers.Rescaling(255.0, offset=[-mean for mean in _IMAGENET_MEAN], name="imagenet_scale")(x)
    x = resnet_stem(x, variant)
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
    return keras.Model(inputs, outputs, name="m3lung_slice")
