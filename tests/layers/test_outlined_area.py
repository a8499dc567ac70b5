import keras
import numpy as np

from tests.layers.shared_check import check
from tfcovid.layers import OutlinedArea


def test_exact_values_of_a_square():
    """A square of 8 x 8 cells, of 32 x 32 pixels, at 0.75, and one cell at 0.5, which is not above."""
    outlined = np.zeros((2, 64, 64, 1), "float32")
    outlined[0, 8:40, 16:48] = 0.75
    outlined[0, 60:, 60:] = 0.5
    found = keras.ops.convert_to_numpy(OutlinedArea()(outlined))
    np.testing.assert_allclose(found[0], [np.log1p(64 * 0.75 + 0.5), np.log1p(64), 0.75, 0.75], rtol=1e-6)
    np.testing.assert_array_equal(found[1], 0)


def test_a_spot_is_high_in_a_cell_and_low_in_a_patch():
    outlined = np.zeros((1, 32, 32, 1), "float32")
    outlined[0, 8:12, 8:12] = 1
    found = keras.ops.convert_to_numpy(OutlinedArea()(outlined))
    np.testing.assert_allclose(found[0], [np.log(2), np.log(2), 1, 1 / 36], rtol=1e-6)


def test_shared_check(tmp_path):
    def make():
        inputs = keras.Input((32, 48, 1))
        return keras.Model(inputs, OutlinedArea()(inputs))

    # Whole sixteenths, clear of 0.5 after rounding.
    slices = np.random.default_rng(0).integers(0, 17, (2, 8, 12, 1)).repeat(4, axis=1).repeat(4, axis=2) / 16
    check(make, slices.astype("float32"), tmp_path, tflite=True)
