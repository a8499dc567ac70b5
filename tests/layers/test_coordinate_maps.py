import keras
import numpy as np

from tests.layers.shared_check import check
from tfcovid.layers import CoordinateMaps


def test_exact_values():
    maps = keras.ops.convert_to_numpy(CoordinateMaps()(np.zeros((2, 3, 5, 7), "float32")))
    assert maps.shape == (2, 3, 5, 3)
    for one in maps:
        np.testing.assert_array_equal(one[..., 0], [[-1, -0.5, 0, 0.5, 1]] * 3)
        np.testing.assert_array_equal(one[..., 1], np.transpose([[-1, 0, 1]] * 5))
        np.testing.assert_allclose(
            one[..., 2],
            [
                [2**0.5, 1.25**0.5, 1, 1.25**0.5, 2**0.5],
                [1, 0.5, 0, 0.5, 1],
                [2**0.5, 1.25**0.5, 1, 1.25**0.5, 2**0.5],
            ],
            rtol=1e-6,
        )


def test_shared_check_on_sides_unknown_before_the_call(tmp_path):
    def make():
        inputs = keras.Input((None, None, 4))
        return keras.Model(inputs, CoordinateMaps()(inputs))

    check(make, np.zeros((2, 4, 6, 4), "float32"), tmp_path)
