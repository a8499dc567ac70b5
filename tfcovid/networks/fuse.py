import keras

from tfcovid.layers.grouped_conv import GroupedConv2D
from tfcovid.layers.scaled_standardized_conv import ScaledStandardizedConv2D


def fuse(network: keras.Model) -> keras.Model:
    """A copy of `network` for use after training, its standardised convolutions plain ones of the same result.

    What `ScaledStandardizedConv2D` does to its kernel at every call is done once. Layers keep their names, and networks
    inside the network are copied too.
    """
    fused = keras.models.clone_model(network, clone_function=_plain, recursive=True)
    _copy_weights(network, fused)
    return fused


def _plain(layer: keras.layers.Layer) -> keras.layers.Layer:
    if not isinstance(layer, ScaledStandardizedConv2D):
        return type(layer).from_config(layer.get_config())
    convolution = GroupedConv2D if layer.groups > 1 else keras.layers.Conv2D
    return convolution(
        layer.filters,
        layer.kernel_size,
        layer.strides,
        layer.padding,
        groups=layer.groups,
        name=layer.name,
        dtype=layer.dtype_policy,
    )


def _copy_weights(source: keras.Model, target: keras.Model) -> None:
    # Layers without weights include inputs, which the copy may call otherwise.
    for layer in (one for one in source.layers if one.weights):
        copy = target.get_layer(layer.name)
        if isinstance(layer, keras.Model):
            _copy_weights(layer, copy)
        else:
            copy.set_weights(layer.folded() if isinstance(layer, ScaledStandardizedConv2D) else layer.get_weights())
