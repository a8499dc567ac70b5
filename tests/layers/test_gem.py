import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import GeM


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def formula(features, p, epsilon=1e-6):
    raised = np.maximum(np.asarray(features, "float64"), epsilon) ** p
    return raised.mean(axis=tuple(range(1, raised.ndim - 1))) ** (1 / np.asarray(p, "float64"))


@pytest.fixture
def maps():
    """Half of the features zero or below, as before and after a ReLU."""
    return np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype("float32")


@pytest.mark.parametrize("p", [1, 2.5, 3, 20])
@pytest.mark.parametrize("shape", [(3, 120), (3, 10, 12), (3, 4, 5, 6)])
def test_equals_the_formula_on_sequences_images_and_volumes(p, shape, maps):
    features = maps.reshape(*shape, -1) if len(shape) < 4 else maps[..., None]
    np.testing.assert_allclose(array(GeM(p)(features)), formula(features, p), rtol=2e-6)


def test_a_p_for_each_channel(maps):
    layer = GeM(per_channel=True)
    layer.build(maps.shape)
    assert layer.p.shape == (6,)
    layer.set_weights([np.float32([1, 1.5, 2, 3, 6, 40])])
    np.testing.assert_allclose(array(layer(maps)), formula(maps, [1, 1.5, 2, 3, 6, 40]), rtol=2e-6)


def test_from_the_mean_to_the_maximum(maps):
    features = np.abs(maps)
    np.testing.assert_allclose(array(GeM(1)(features)), features.mean(axis=(1, 2)), rtol=1e-6)
    # A mean over 20 places is at most 20^(1/p) below the maximum.
    np.testing.assert_allclose(array(GeM(1e5)(features)), features.max(axis=(1, 2)), rtol=1e-4)


@pytest.mark.parametrize(("policy", "p", "rtol"), [("mixed_float16", 3, 1e-3), ("float32", 300, 1e-5)])
def test_powers_of_large_features_do_not_overflow(policy, p, rtol):
    """1e4 to the third is beyond float16, to the 300th beyond float64: the reference takes the maximum out."""
    features = np.float32([1e4, 9e3, 10, 0]).reshape(1, 2, 2, 1)
    pooled = array(GeM(p, dtype=policy)(features))
    np.testing.assert_allclose(pooled, 1e4 * formula(features / 1e4, p, 1e-10), rtol=rtol)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_rounds_the_result_and_not_p(policy):
    """One place in 10,000 is not zero, which makes the result move nine times as fast as p; bfloat16 takes p for 1."""
    features = np.zeros((1, 10000, 1), "float32")
    features[0, 0] = 8192
    pooled = array(GeM(1.003, dtype=policy)(features)).astype("float64")
    np.testing.assert_allclose(pooled, formula(features, 1.003), rtol=4e-3)


@pytest.mark.parametrize("scale", [1, 1e4])
def test_one_step_of_training_follows_the_gradient_of_the_formula(scale):
    """Features below zero, which are clipped, stand beside large ones: neither may spoil the gradient."""
    generator = np.random.default_rng(1)
    inputs = (scale * generator.normal(size=(4, 3, 3, 2))).astype("float32")
    kernel = np.float32([[1, -0.5], [0.3, 0.8]])

    def loss(kernel, p):
        return formula(inputs @ np.asarray(kernel, "float64"), p).mean()

    model = keras.Sequential([keras.Input((3, 3, 2)), keras.layers.Dense(2, use_bias=False), GeM()])
    model.layers[0].set_weights([kernel])
    model.compile(keras.optimizers.SGD(1 / scale), lambda _, pooled: keras.ops.mean(pooled))
    model.train_on_batch(inputs, np.zeros((4, 2), "float32"))
    step = 1e-5
    expected = np.zeros((2, 2))
    for at in np.ndindex(2, 2):
        nudge = np.zeros((2, 2))
        nudge[at] = step
        expected[at] = (loss(kernel + nudge, 3) - loss(kernel - nudge, 3)) / (2 * step)
    np.testing.assert_allclose(kernel - array(model.layers[0].kernel), expected / scale, rtol=1e-4, atol=1e-6)
    expected = (loss(kernel, 3 + step) - loss(kernel, 3 - step)) / (2 * step)
    np.testing.assert_allclose(3 - array(model.layers[1].p), expected / scale, rtol=1e-4)


@pytest.mark.parametrize(("learnable", "expected"), [(True, 1), (False, 1.5)])
def test_training_holds_p_at_one_or_more_and_leaves_it_when_told(learnable, expected, maps):
    # The output grows with p, so a long step against it would take p below zero.
    model = keras.Sequential([keras.Input((4, 5, 6)), keras.layers.Dense(6), GeM(1.5, learnable)])
    model.compile(keras.optimizers.SGD(100.0), lambda _, pooled: keras.ops.mean(pooled))
    model.train_on_batch(np.abs(maps), np.zeros((3, 6), "float32"))
    assert array(model.layers[1].p) == expected


@pytest.mark.parametrize("wrong", [{"p": 0.5}, {"p": float("inf")}, {"p": 3, "epsilon": 0}])
def test_exponents_that_are_none(wrong):
    with pytest.raises(ValueError, match=f"Received: p={wrong['p']}, epsilon={wrong.get('epsilon', 1e-6)}"):
        GeM(**wrong)


def test_features_without_places():
    with pytest.raises(ValueError, match=r"Received: input_shape=\(2, 3\)"):
        GeM()(np.zeros((2, 3), "float32"))


@pytest.mark.parametrize(("sides", "per_channel"), [((3, 2), False), ((None, None), False), ((None, None, None), True)])
def test_shared_check(sides, per_channel, tmp_path):
    def make():
        inputs = keras.Input((*sides, 3))
        return keras.Model(inputs, GeM(per_channel=per_channel)(inputs))

    features = np.random.default_rng(0).normal(size=(2, 4, 3, 2, 3)).astype("float32")
    check(make, features if len(sides) == 3 else features[:, 0], tmp_path, tflite=None not in sides)
