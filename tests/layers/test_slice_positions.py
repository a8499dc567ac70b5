import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import SlicePositions

CHANNELS = 6


def test_sines_and_cosines_of_the_place_in_the_scan():
    features = np.random.default_rng(0).normal(size=(2, 7, CHANNELS)).astype("float32")
    counts = (7, 4)
    found = keras.ops.convert_to_numpy(SlicePositions()(features, np.arange(7) < np.array(counts)[:, None]))
    for scan, count in enumerate(counts):
        for i in range(count):
            # 0.5, 4 and 32 periods over the scan: equal factors between.
            angles = 2 * np.pi * np.array([0.5, 4, 32]) * (i + 0.5) / count
            expected = features[scan, i] + [*np.sin(angles), *np.cos(angles)]
            np.testing.assert_allclose(found[scan, i], expected, atol=2e-5)


def test_slices_between_two_get_the_place_between():
    """The middle of a scan is the middle, of 1 slice or of 101."""
    one, many = (np.zeros((1, count, CHANNELS), "float32") for count in (1, 101))
    middle = keras.ops.convert_to_numpy(SlicePositions()(many, np.ones((1, 101), bool)))[:, 50]
    np.testing.assert_allclose(SlicePositions()(one, np.ones((1, 1), bool))[:, 0], middle, atol=2e-5)


def test_an_odd_number_of_channels():
    with pytest.raises(ValueError, match="Received: 5"):
        SlicePositions()(np.zeros((1, 2, 5)), np.ones((1, 2), bool))


def test_shared_check(tmp_path):
    def make():
        features, mask = keras.Input((None, CHANNELS), name="features"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"features": features, "mask": mask}, SlicePositions()(features, mask))

    features = np.random.default_rng(0).normal(size=(2, 5, CHANNELS)).astype("float32")
    check(make, {"features": features, "mask": np.arange(5) < np.array([[5], [2]])}, tmp_path)
