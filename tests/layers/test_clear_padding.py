import keras
import numpy as np

from tests.layers.shared_check import check
from tfcovid.layers import ClearPadding


def test_whatever_stands_behind_a_scan_becomes_zero():
    features = np.float32([[[-3, 2], [-1, -5], [np.nan, np.inf]], [[-7, -8], [9, 9], [9, 9]]])
    mask = np.array([[True, True, False], [True, False, False]])
    cleared = keras.ops.convert_to_numpy(ClearPadding()(features, mask))
    np.testing.assert_array_equal(cleared, [[[-3, 2], [-1, -5], [0, 0]], [[-7, -8], [0, 0], [0, 0]]])


def test_shared_check(tmp_path):
    def make():
        features, mask = keras.Input((None, 3), name="features"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"features": features, "mask": mask}, ClearPadding()(features, mask))

    features = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    check(make, {"features": features, "mask": np.arange(5) < np.array([[5], [2]])}, tmp_path)
