import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers.efficient_channel_attention import EfficientChannelAttention


@pytest.mark.parametrize(
    ("channels", "weights"), [(4, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1536, 5), (2047, 5), (2048, 7)]
)
def test_width_of_the_kernel_follows_the_channels(channels, weights):
    layer = EfficientChannelAttention()
    layer.build((None, None, None, channels))
    assert [weight.shape for weight in layer.weights] == [(weights, 1, 1)]


def test_equals_the_formula():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 130)).astype("float32")
    layer = EfficientChannelAttention(scale=0.4)
    layer.build(x.shape)
    # Not the same read from either end.
    kernel = np.array([0.5, -1.0, 2.0, 0.25, -3.0])
    layer.set_weights([kernel.reshape(5, 1, 1)])
    means = np.pad(x.astype("float64").mean(axis=(1, 2)), ((0, 0), (2, 2)))
    nearby = sum(weight * means[:, i : i + 130] for i, weight in enumerate(kernel))
    expected = 0.4 * x / (1 + np.exp(-nearby))[:, None, None]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-6)


def test_shared_check(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")

    def make():
        inputs = keras.Input((None, None, 16))
        return keras.Model(inputs, EfficientChannelAttention(scale=2.0)(inputs))

    check(make, x, tmp_path, tflite=True)
