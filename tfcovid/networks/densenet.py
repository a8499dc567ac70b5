"""DenseNet as `keras.applications` has it, with this package's ends."""

import keras
from keras import layers

from tfcovid.layers.imagenet_scale import ImageNetScale
from tfcovid.networks.arguments import check_shape, check_variant, disease, features
from tfcovid.networks.weights import load_weights

DENSENETS = {"densenet121": "DenseNet121", "densenet169": "DenseNet169", "densenet201": "DenseNet201"}


def densenet(
    classes: int,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 1),
    variant: str = "densenet121",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """A DenseNet classifier (Huang et al., 2017); the second backbone of Res-Dense stacking (paper 001).

    Input: `(batch, height, width, channels)` in [0, 1]; three channels are red, green, blue.
    Output: `(batch, classes)`; see `tfcovid.networks.arguments.disease`. The layer "features" holds what is pooled.

    Raises:
        ValueError: an unknown variant, or a shape or class count that no network can have.
        InputError: weights that do not fit, see `load_weights`.
    """
    check_variant(variant, DENSENETS)
    check_shape(input_shape, classes)
    inputs = keras.Input(input_shape, name="slice")
    x = ImageNetScale("torch", name="imagenet")(inputs)
    trunk = getattr(keras.applications, DENSENETS[variant])(include_top=False, weights=None, input_tensor=x)
    x = features(layers.GlobalAveragePooling2D(name="pool")(trunk.output))
    network = keras.Model(inputs, disease(x, classes, dropout, activation), name=variant)
    load_weights(network, variant, weights, stem="conv1_conv")
    return network
