import keras
import numpy as np
from keras import layers

_CONVOLUTIONS = (layers.Conv2D, layers.Conv3D, layers.Conv2DTranspose, layers.Conv3DTranspose)
_CROPS = (layers.Cropping2D, layers.Cropping3D)


def fold(network: keras.Model) -> keras.Model:
    """A copy of `network` for use after training: fewer passes over its features, the same result to rounding.

    A batch normalisation behind a convolution that nothing else reads becomes part of the kernel and its bias, and a
    PReLU of one slope a leaky ReLU, which TensorFlow computes together with the convolution. Layers keep their names;
    a norm that went into its convolution is a linear activation. Networks inside the network stay what they are.
    """
    norms = {
        norm.name: convolution
        for norm in network.layers
        if isinstance(norm, layers.BatchNormalization) and (convolution := _before(norm, network)) is not None
    }
    folded = {convolution.name for convolution in norms.values()}

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name in norms:
            return layers.Activation("linear", name=layer.name, dtype=layer.dtype_policy)
        if (slope := _slope(layer)) is not None:
            return layers.LeakyReLU(slope, name=layer.name, dtype=layer.dtype_policy)
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in folded else config)

    def call(layer: keras.layers.Layer, *inputs, **options):
        # The call of a norm has options of its own, a mask for one.
        return layer(*inputs) if layer.name in norms else layer(*inputs, **options)

    copy = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in copy.layers:
        # Layers without weights include inputs, which the copy may call otherwise.
        if layer.weights and layer.name not in folded:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    for name, convolution in norms.items():
        copy.get_layer(convolution.name).set_weights(_scaled(convolution, network.get_layer(name)))
    return copy


def _before(norm: keras.layers.Layer, network: keras.Model) -> keras.layers.Layer | None:
    """The convolution that the norm alone reads, if there is one."""
    if len(norm._inbound_nodes) != 1:
        return None
    layer = norm.input._keras_history.operation
    while isinstance(layer, _CROPS) and _stands_once(layer, network):
        layer = layer.input._keras_history.operation
    plain = type(layer) in _CONVOLUTIONS and layer.activation is keras.activations.linear
    return layer if plain and _stands_once(layer, network) else None


def _stands_once(layer: keras.layers.Layer, network: keras.Model) -> bool:
    """Called once, and read once."""
    if not len(layer._inbound_nodes) == len(layer._outbound_nodes) == 1:
        return False
    return not any(layer.output is output for output in network.outputs)


def _slope(layer: keras.layers.Layer) -> float | None:
    """Of a PReLU that has one for all, and not a negative one, which no leaky ReLU of Keras has."""
    if not isinstance(layer, layers.PReLU) or any(side != 1 for side in layer.alpha.shape):
        return None
    slope = float(keras.ops.convert_to_numpy(layer.alpha).item())
    return slope if slope >= 0 else None


def _scaled(convolution: keras.layers.Layer, norm: keras.layers.Layer) -> list[np.ndarray]:
    kernel, *bias = convolution.get_weights()
    statistics = [keras.ops.convert_to_numpy(one) for one in (norm.moving_mean, norm.moving_variance)]
    scale = 1 / np.sqrt(statistics[1] + norm.epsilon)
    if norm.scale:
        scale = scale * keras.ops.convert_to_numpy(norm.gamma)
    offset = ((bias[0] if bias else 0) - statistics[0]) * scale
    if norm.center:
        offset = offset + keras.ops.convert_to_numpy(norm.beta)
    transposed = isinstance(convolution, (layers.Conv2DTranspose, layers.Conv3DTranspose))
    return [kernel * (scale[:, np.newaxis] if transposed else scale), offset]
