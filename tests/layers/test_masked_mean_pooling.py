import keras
import numpy as np

from tests.layers.shared_check import check
from tfcovid.layers import MaskedMeanPooling


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_only_real_slices_count():
    features = np.float32([[[-3, 2], [-1, -5], [9, np.nan]], [[-7, -8], [np.inf, 9], [9, 9]]])
    mask = np.array([[True, True, False], [True, False, False]])
    np.testing.assert_array_equal(array(MaskedMeanPooling()(features, mask)), [[-2, -1.5], [-7, -8]])


def test_a_scan_without_slices_is_zero():
    features = np.full((1, 3, 2), 9, "float32")
    np.testing.assert_array_equal(array(MaskedMeanPooling()(features, np.zeros((1, 3), bool))), [[0, 0]])


def test_the_sum_over_a_long_scan_does_not_outgrow_float16():
    pooled = array(MaskedMeanPooling(dtype="mixed_float16")(np.full((1, 1000, 1), 300, "float32"), np.ones((1, 1000))))
    assert pooled.dtype == "float16"
    assert pooled == 300


def test_shared_check(tmp_path):
    def make():
        features, mask = keras.Input((None, 3), name="features"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"features": features, "mask": mask}, MaskedMeanPooling()(features, mask))

    features = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    check(make, {"features": features, "mask": np.arange(5) < np.array([[5], [2]])}, tmp_path)
