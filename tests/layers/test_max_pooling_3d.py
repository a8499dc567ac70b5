import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers.max_pooling_3d import MaxPooling3D


@pytest.fixture
def volumes():
    """Below zero everywhere, so that padding with zeros would show."""
    return np.random.default_rng(0).normal(-9, 1, size=(2, 6, 9, 7, 3)).astype("float32")


@pytest.mark.parametrize(("pool_size", "strides"), [(2, None), (3, 2), (2, 1)])
def test_is_the_largest_of_every_window(pool_size, strides, volumes):
    windows = np.lib.stride_tricks.sliding_window_view(volumes, (pool_size,) * 3, axis=(1, 2, 3))
    step = strides or pool_size
    expected = windows[:, ::step, ::step, ::step].max(axis=(-3, -2, -1))
    np.testing.assert_array_equal(MaxPooling3D(pool_size, strides)(volumes), expected)
    np.testing.assert_array_equal(keras.layers.MaxPooling3D(pool_size, strides)(volumes), expected)


def test_windows_of_no_size_are_refused():
    with pytest.raises(ValueError, match=r"1 or more. Received: pool_size=0, strides=0"):
        MaxPooling3D(0)


@pytest.mark.parametrize("sides", [(6, 9, 7), (None, None, None)])
def test_shared_check(sides, tmp_path, volumes):
    def make():
        ends = keras.Input((*sides, 3), name="volume")
        return keras.Model(ends, MaxPooling3D()(ends))

    check(make, volumes, tmp_path, tflite=None not in sides)
