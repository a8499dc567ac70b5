from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
from keras import layers

from tfcovid.layers.gem import GeM
from tfcovid.layers.imagenet_scale import ImageNetScale
from tfcovid.networks.arguments import check_shape, check_variant, disease, features
from tfcovid.networks.resnet import RESNETS, resnet_trunk
from tfcovid.networks.weights import load_weights

# Functions of keras.applications. They are nested as they are, with their layers in their order, as the paper's recipe
# counts them.
_APPLICATIONS = {
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "resnet50v2": "ResNet50V2",
    "resnet101v2": "ResNet101V2",
    "densenet121": "DenseNet121",
    "densenet169": "DenseNet169",
    "densenet201": "DenseNet201",
}
BACKBONES = (*_APPLICATIONS, *(name for name in RESNETS if name not in _APPLICATIONS))


def res_dense(
    classes: int,
    input_shape: tuple[int | None, int | None, int] = (256, 256, 3),
    backbones: Sequence[str] = ("resnet101", "densenet121"),
    *,
    weights: str | Path | Mapping[str, str | Path] | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
    project: str = "resnet",
    kernel: int = 1,
    pooling: str = "avg",
    scaling: str = "figure",
) -> keras.Model:
    """Res-Dense stacking (paper 001, section 4.3, figures 4 and 5): backbones side by side, their feature maps added.

    Each backbone is a model inside the model, so that two of a family, whose layers have the same names, live in one.
    A convolution without activation brings a branch to the channels of the last backbone where the two can be added
    only so: 2048 of ResNet-101 to 1024 of DenseNet-121. The paper does not say the kernel's size; 1 here.

    All backbones see the same tensor, scaled as none of them saw it on ImageNet. The paper trains in two phases, with
    all layers of the backbones frozen and then with the first 100 of each, see `tfcovid.networks.freeze`.

    Input: `(batch, height, width, channels)` in [0, 1]; three channels are red, green, blue. The sides should divide
    by 32: DenseNets round halves of odd sides down, ResNets up.
    Output: `(batch, classes)`; see `tfcovid.networks.arguments.disease`. The layer "features" holds what is pooled.

    Args:
        backbones: two or more of `BACKBONES`, in any order and any number of times.
        weights: None; "imagenet"; a file for each backbone by its name, as `load_weights` takes them, those without
            one starting at random; or one `.keras` file of a network of the same backbones made by this function.
        project: "resnet", the convolution only where channels differ from the last backbone's (figures 4 and 5), or
            "both", one on every branch (section 4.3 speaks of two).
        kernel: side of those convolutions, odd.
        pooling: "avg", or "gem" for generalised mean pooling (equation 3), for which sums below zero count as zero.
        scaling: "figure", the pixels of ResNet (0 to 255 less the mean, blue first) over 127.5, which gives about
            -0.97 to 1.19 (figure 5); or "text", [-1, 1] first and then less the mean (section 4.4), which gives about
            -125 to -103 and needs float32: in half precision hardly anything is left of the picture.

    Raises:
        ValueError: an unknown backbone or option, fewer than two, or sides for which their feature maps differ.
        InputError: weights that do not fit, see `load_weights`.
    """
    _check(backbones, weights, project, kernel, pooling, scaling)
    check_shape(input_shape, classes)
    if any(side is not None and side < 32 for side in input_shape[:2]):
        raise ValueError(f"sides are 32 or more, of which one pixel is left. Received: input_shape={input_shape}")
    inputs = keras.Input(input_shape, name="slice")
    x = _scaled(inputs, scaling)
    nested = [_backbone(name, x.shape[-1], nth) for name, nth in zip(backbones, _nth(backbones), strict=True)]
    width = nested[-1].output.shape[-1]
    maps = []
    for backbone in nested:
        branch = backbone(x)
        if project == "both" or branch.shape[-1] != width:
            branch = layers.Conv2D(width, kernel, padding="same", name=f"{backbone.name}_project")(branch)
        maps.append(branch)
    _check_sides(input_shape, nested, maps)
    x = layers.Add(name="add")(maps)
    pool = GeM(name="pool") if pooling == "gem" else layers.GlobalAveragePooling2D(name="pool")
    x = features(pool(x))
    network = keras.Model(inputs, disease(x, classes, dropout, activation), name="res_dense")
    if weights is not None and str(weights) != "imagenet" and not isinstance(weights, Mapping):
        load_weights(network, "res_dense", weights)
        return network
    for name, backbone in zip(backbones, nested, strict=True):
        source = weights.get(name) if isinstance(weights, Mapping) else weights
        load_weights(backbone, name, source, stem="conv1_conv")
    return network


def _scaled(inputs, scaling: str):
    if scaling == "figure":
        x = ImageNetScale("caffe", name="imagenet")(inputs)
        return layers.Rescaling(1 / 127.5, name="rescale")(x)
    # ImageNetScale multiplies by 255 what is to lie in [-1, 1] when it subtracts the mean.
    x = layers.Rescaling(2 / 255, offset=-1 / 255, dtype="float32", name="rescale")(inputs)
    return ImageNetScale("caffe", name="imagenet")(x)


def _nth(backbones: Sequence[str]) -> list[int]:
    return [list(backbones[:i]).count(name) + 1 for i, name in enumerate(backbones)]


def _backbone(name: str, channels: int, nth: int) -> keras.Model:
    shape = (None, None, channels)
    unique = name if nth == 1 else f"{name}_{nth}"
    if name in _APPLICATIONS:
        build = getattr(keras.applications, _APPLICATIONS[name])
        return build(include_top=False, weights=None, input_shape=shape, name=unique)
    inputs = keras.Input(shape)
    return keras.Model(inputs, resnet_trunk(inputs, RESNETS[name]), name=unique)


def _check(backbones, weights, project: str, kernel: int, pooling: str, scaling: str) -> None:
    if isinstance(backbones, str) or len(backbones) < 2:
        raise ValueError(f"backbones are two or more names. Received: backbones={backbones!r}")
    for name in backbones:
        check_variant(name, BACKBONES, "a backbone")
    for name in weights if isinstance(weights, Mapping) else ():
        check_variant(name, backbones, "a backbone with weights")
    check_variant(project, ("resnet", "both"), "project")
    check_variant(pooling, ("avg", "gem"), "pooling")
    check_variant(scaling, ("figure", "text"), "scaling")
    if not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel is an odd number, or the maps would shift. Received: kernel={kernel!r}")


def _check_sides(input_shape: tuple, nested: Sequence[keras.Model], maps: Sequence) -> None:
    sides = {backbone.name: x.shape[1:3] for backbone, x in zip(nested, maps, strict=True)}
    if len(set(sides.values())) > 1:
        fit = tuple(side and -(-side // 32) * 32 for side in input_shape[:2])
        raise ValueError(
            f"the feature maps differ, {sides}: take sides that divide by 32, {fit} would fit. "
            f"Received: input_shape={tuple(input_shape)}"
        )
