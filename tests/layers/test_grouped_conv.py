import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers.grouped_conv import GroupedConv2D


def each_group(x, kernel, groups):
    """A valid convolution of stride 1, output channel by output channel, in float64."""
    size, _, inside, filters = kernel.shape
    height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
    out = np.zeros((len(x), height, width, filters))
    for filter_ in range(filters):
        first = filter_ // (filters // groups) * inside
        for i, j in np.ndindex(size, size):
            seen = x[:, i : i + height, j : j + width, first : first + inside].astype("float64")
            out[..., filter_] += seen @ kernel[i, j, :, filter_]
    return out


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_each_output_sees_the_channels_of_its_own_group(groups):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 12)).astype("float32")
    layer = GroupedConv2D(18, 3, groups=groups, bias_initializer="ones")
    found = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, 1 + each_group(x, np.asarray(layer.kernel), groups), rtol=1e-4, atol=1e-5)


def test_strides_padding_and_dilation_are_those_of_keras():
    x = np.random.default_rng(0).normal(size=(2, 8, 9, 4)).astype("float32")
    for options in ({"strides": 2, "padding": "same"}, {"dilation_rate": 2}):
        layer, peer = GroupedConv2D(6, 3, groups=2, **options), keras.layers.Conv2D(6, 3, groups=2, **options)
        peer.build(x.shape)
        layer.build(x.shape)
        layer.set_weights(peer.get_weights())
        found, expected = (keras.ops.convert_to_numpy(one(x)) for one in (layer, peer))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_shared_check(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype("float32")

    def make():
        inputs = keras.Input((None, None, 4))
        return keras.Model(inputs, GroupedConv2D(6, 3, strides=2, padding="same", groups=2)(inputs))

    check(make, x, tmp_path, tflite=True)
