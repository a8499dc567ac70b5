import keras
from keras import layers

from tfcovid.networks.arguments import disease
from tfcovid.networks.efficientnet import efficientnet
from tfcovid.networks.weights import load_weights


def eff_mix_conv(
    classes: int,
    input_shape: tuple[int | None, int | None, int] = (256, 256, 1),
    variant: str = "efficientnet_b3_timm",
    *,
    embedding: int = 224,
    weights: str | None = None,
    dropout: float = 0.0,
    drop_path: float = 0.0,
    activation: str | None = "auto",
) -> keras.Model:
    """The first stage of eff-mix-conv (paper 000, section 3.1): an EfficientNet that embeds a slice in 224 numbers.

    The pooled features of EfficientNet-B3 go through a dense layer, named "features", to the head it is trained with.
    Neither an activation nor, by default, a dropout stands between, as in the public code, which asks timm for a
    dropout of 0.3 and then leaves out the part of timm's network that holds it. Its drop path is 0.2.
    `tfcovid.networks.arguments.embedding` gives the embedder, whose slices `aggregator` "eff_mix_conv_e" and
    "eff_mix_conv_s" read.

    Input: `(batch, height, width, channels)` in [0, 1]; three channels are red, green, blue.
    Output: `(batch, classes)`; see `tfcovid.networks.arguments.disease`.

    Args:
        variant: a key of `EFFICIENTNETS`.
        embedding: width of the layer "features".
        weights: as `efficientnet` takes them, for all but the two dense layers, or a `.keras` file of this network.
        dropout: between embedding and head.
        drop_path: see `efficientnet`.

    Raises:
        ValueError: an unknown variant, or a shape, embedding or class count that no network can have.
        InputError: weights that do not fit, see `load_weights`.
    """
    if not isinstance(embedding, int) or embedding < 1:
        raise ValueError(f"embedding is a whole number from 1 up. Received: embedding={embedding!r}")
    trunk = efficientnet(classes, input_shape, variant, drop_path=drop_path)
    x = layers.Dense(embedding, name="features", dtype="float32")(trunk.get_layer("pool").output)
    # Named after the variant, by which weights of the other flavour, which share every shape, are told.
    network = keras.Model(trunk.input, disease(x, classes, dropout, activation), name=variant)
    load_weights(network, variant, weights, own=["features"], stem="stem_conv")
    return network
