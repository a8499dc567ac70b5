import tracemalloc

import numpy as np
import pytest

from tfcovid.inference.suspicious_share import suspicious_share


def test_shares_are_of_each_lung_and_of_both():
    lungs = np.zeros((1, 4, 10), np.uint8)
    lungs[0, :, :2], lungs[0, :, 4:] = 2, 1
    heat = np.zeros(lungs.shape)
    heat[0, 0, :] = 0.5  # 6 of 24 left, 2 of 8 right, 2 outside
    heat[0, 1, 0] = 0.7
    heat[0, 2] = 0.49
    assert suspicious_share(heat, lungs) == {"left lung": 25.0, "right lung": 37.5, "both lungs": 28.125}
    assert suspicious_share(heat, lungs, 0.6)["both lungs"] == 3.125


def test_a_lung_that_is_not_there_has_no_share():
    lungs = np.ones((1, 2, 2), np.uint8)
    assert suspicious_share(np.ones((1, 2, 2)), lungs) == {"left lung": 100.0, "right lung": None, "both lungs": 100.0}
    assert set(suspicious_share(np.ones((1, 2, 2)), 0 * lungs).values()) == {None}
    with pytest.raises(ValueError, match="differ in shape"):
        suspicious_share(np.ones((1, 2, 2)), lungs[0])


def test_a_scan_is_not_copied_to_be_counted():
    lungs, heat = np.ones((64, 128, 128), np.uint8), np.ones((64, 128, 128), np.float32)
    tracemalloc.start()
    suspicious_share(heat, lungs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < lungs.nbytes
