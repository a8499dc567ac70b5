import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.layers.test_grouped_conv import each_group
from tests.parity import report
from tfcovid.layers.grouped_conv import GroupedConv2D
from tfcovid.layers.scaled_standardized_conv import ScaledStandardizedConv2D

GAMMA = 1.7881293296813965


def built(*args, channels, **options):
    """A layer with gains and biases off one and zero."""
    layer = ScaledStandardizedConv2D(*args, **options)
    layer.build((None, None, None, channels))
    generator = np.random.default_rng(0)
    kernel, gain, bias = (weight.shape for weight in layer.weights)
    layer.set_weights(
        [generator.normal(0.3, 0.5, kernel), generator.uniform(0.5, 1.5, gain), generator.normal(size=bias)]
    )
    return layer


def plain_kernel(layer):
    """The kernel in the words of the paper, one output channel after the other, in float64."""
    kernel, gain, _ = (np.asarray(array, "float64") for array in layer.get_weights())
    for channel in range(kernel.shape[-1]):
        weights = kernel[..., channel]
        away = weights - weights.sum() / weights.size
        variance = (away**2).sum() / weights.size
        kernel[..., channel] = away / np.sqrt(variance + layer.epsilon) * gain[channel]
    return kernel * layer.gamma / np.sqrt(weights.size)


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(2, 7, 8, 12)).astype("float32")


@pytest.mark.parametrize("groups", [1, 3])
def test_equals_the_formula(groups, x):
    layer = built(6, 3, groups=groups, gamma=GAMMA, channels=12)
    expected = each_group(x, plain_kernel(layer), groups) + layer.get_weights()[2]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-5)


def test_epsilon_is_added_to_the_variance(x):
    # With a variance of about 1e-4, a tenth of it would be lost if epsilon were added elsewhere or were another.
    layer = built(6, 3, channels=12)
    kernel, *rest = layer.get_weights()
    layer.set_weights([kernel / 50, *rest])
    expected = each_group(x, plain_kernel(layer), 1) + layer.get_weights()[2]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-5)


def test_a_new_layer_keeps_the_variance():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(4, 16, 16, 64)).astype("float32")
    out = keras.ops.convert_to_numpy(ScaledStandardizedConv2D(256, 3)(x))
    assert out.var() == pytest.approx(1, abs=0.02)
    # After a nonlinearity, gamma does.
    out = keras.ops.convert_to_numpy(ScaledStandardizedConv2D(256, 3, gamma=GAMMA)(x / (1 + np.exp(-x))))
    assert out.var(axis=(0, 1, 2)).mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_kernel_is_standardised_in_float32_whatever_the_policy(policy, x):
    """A mean of 10 times the deviation: in half precision there would be little left."""
    full = built(6, 3, channels=12)
    kernel, *rest = full.get_weights()
    half = built(6, 3, channels=12, dtype=policy)
    for layer in (full, half):
        layer.set_weights([kernel + 5, *rest])
    # Within a model of that policy, which casts what it reads.
    inputs = keras.Input(x.shape[1:])
    found = keras.ops.convert_to_numpy(keras.Model(inputs, half(inputs))(x)).astype("float32")
    expected = keras.ops.convert_to_numpy(full(x))
    assert np.abs(found - expected).max() < 0.03


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_equal_channels_through_the_spread_kernel_are_what_colours_were(channels, x):
    colours = built(6, 3, gamma=GAMMA, channels=3)
    spread = built(6, 3, gamma=GAMMA, channels=channels)
    spread.set_weights(spread.spread(colours.get_weights(), channels))
    grey = x[..., :1]
    expected = keras.ops.convert_to_numpy(colours(np.repeat(grey, 3, axis=-1)))
    found = keras.ops.convert_to_numpy(spread(np.repeat(grey, channels, axis=-1)))
    report(f"ScaledStandardizedConv2D spread over {channels} channels", "the same on RGB", found, expected)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_kernel_whose_colours_cancel_is_spread_to_nothing():
    layer = ScaledStandardizedConv2D(1, 3)
    edge = np.random.default_rng(0).normal(size=(3, 3, 1, 1))
    kernel, gain, bias = layer.spread([np.concatenate([edge, -edge, 0 * edge], axis=2), [1.0], [2.0]], 2)
    np.testing.assert_allclose(kernel, 0, atol=1e-7)
    assert np.isfinite(gain).all()
    assert bias == 2


@pytest.mark.parametrize("groups", [1, 3])
def test_folded_is_a_plain_convolution(groups, x):
    layer = built(6, 3, groups=groups, strides=2, channels=12)
    plain = GroupedConv2D(6, 3, groups=groups, strides=2)
    plain.build(x.shape)
    plain.set_weights(layer.folded())
    found, expected = (keras.ops.convert_to_numpy(one(x)) for one in (plain, layer))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"groups": 4}, r"groups divide filters\. Received: filters=6.*groups=4"),
        ({"padding": "symmetric"}, "'valid' or 'same'.*Received: padding='symmetric'"),
        ({"groups": 3}, r"groups divide the channels.*Received: groups=3, input_shape=\(None, None, None, 4\)"),
    ],
)
def test_refusals_say_what_came(options, says):
    with pytest.raises(ValueError, match=says):
        built(6, 3, channels=4, **options)


def test_shared_check(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 7, 8, 6)).astype("float32")

    def make():
        inputs = keras.Input((7, 8, 6))
        hidden = ScaledStandardizedConv2D(4, 3, groups=2, padding="same", gamma=GAMMA)(inputs)
        return keras.Model(inputs, ScaledStandardizedConv2D(4, 3, strides=2, gain_initializer="ones")(hidden))

    check(make, x, tmp_path, tflite=True)
