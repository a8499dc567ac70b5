import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import RandomWindowLevel


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def centers(levels, hu, width=1200):
    """The centre that made each value of a window's ramp."""
    return hu - (levels.astype("float64") - 0.5) * width


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_the_middle_of_the_range_outside_training(dtype):
    hu = np.array([-3024, -1200, -900, -600, -300, 0, 3000], dtype).reshape(1, 1, 7, 1)
    levels = array(RandomWindowLevel()(hu))
    assert levels.dtype == "float32"
    np.testing.assert_array_equal(levels.ravel(), np.float32([0, 0, 0.25, 0.5, 0.75, 1, 1]))


def test_training_draws_one_centre_a_slice_within_the_range():
    hu = np.random.default_rng(0).integers(-900, -300, (200, 3, 4, 2), dtype="int16")
    drawn = centers(array(RandomWindowLevel(seed=1)(hu, training=True)), hu)
    np.testing.assert_allclose(drawn, np.broadcast_to(drawn[:, :1, :1, :1], drawn.shape), atol=1e-3)
    drawn = drawn[:, 0, 0, 0]
    assert drawn.min() > -700.001 and drawn.max() < -499.999
    assert np.ptp(drawn) > 190
    assert abs(drawn.mean() + 600) < 15  # three standard errors are 12 HU


def test_the_seed_makes_training_repeatable_and_every_batch_new():
    hu = np.full((8, 1, 1, 1), -600, "int16")
    layer, again, other = (RandomWindowLevel(seed=seed) for seed in (7, 7, 8))
    first, second = array(layer(hu, training=True)), array(layer(hu, training=True))
    np.testing.assert_array_equal(first, again(hu, training=True))
    np.testing.assert_array_equal(second, again(hu, training=True))
    assert np.abs(first - second).max() > 0.01
    assert np.abs(first - other(hu, training=True)).max() > 0.01


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_half_precision_rounds_the_level_and_not_the_hu(policy, training, dtype):
    hu = np.arange(3000, 3051, dtype=dtype).reshape(1, 1, -1, 1)
    window = {"low": 3020, "high": 3030, "width": 20, "seed": 1}
    halved = RandomWindowLevel(**window, dtype=policy)(hu, training=training)
    exact = RandomWindowLevel(**window)(hu, training=training)
    assert keras.backend.standardize_dtype(halved.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_array_equal(array(halved), array(keras.ops.cast(exact, halved.dtype)))


@pytest.mark.parametrize("wrong", [{"low": -500, "high": -700}, {"width": 0}, {"width": -5}])
def test_a_window_that_is_none(wrong):
    with pytest.raises(ValueError, match=f"Received.*{'='.join(map(str, next(reversed(wrong.items()))))}"):
        RandomWindowLevel(**wrong)


def test_shared_check(tmp_path):
    def make():
        inputs = keras.Input((4, 4, 1), dtype="int16")
        return keras.Model(inputs, RandomWindowLevel(-650, -450, 1000, seed=3)(inputs))

    check(make, np.random.default_rng(0).integers(-1000, 200, (2, 4, 4, 1), dtype="int16"), tmp_path)
