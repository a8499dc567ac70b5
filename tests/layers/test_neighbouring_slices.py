import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import NeighbouringSlices

COUNTS = (1, 2, 6, 4)


@pytest.fixture
def scans():
    """Scans of 1 to 6 slices, each slice a number of its own, with rubbish behind."""
    slices = np.random.default_rng(0).permutation(4 * 6 * 2 * 3).reshape(4, 6, 2, 3).astype("float32")
    mask = np.arange(6) < np.array(COUNTS)[:, None]
    slices[~mask] = 1e4
    return slices, mask


@pytest.mark.parametrize("count", [1, 3, 5])
def test_the_slice_amid_its_neighbours_and_the_ends_repeat(scans, count):
    slices, mask = scans
    stacks = keras.ops.convert_to_numpy(NeighbouringSlices(count)(slices, mask))
    assert stacks.shape == (4, 6, 2, 3, count)
    for scan, real in enumerate(COUNTS):
        for i in range(6):
            centre = min(i, real - 1)  # padded places show the last real slice
            for channel in range(count):
                shown = min(max(centre + channel - count // 2, 0), real - 1)
                np.testing.assert_array_equal(stacks[scan, i, ..., channel], slices[scan, shown])


@pytest.mark.parametrize("count", [0, 2, -1])
def test_no_middle(count):
    with pytest.raises(ValueError, match=f"count is odd.*Received: count={count}"):
        NeighbouringSlices(count)


def test_shared_check(tmp_path, scans):
    def make():
        slices, mask = keras.Input((None, None, 3), name="slices"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"slices": slices, "mask": mask}, NeighbouringSlices(3)(slices, mask))

    slices, mask = scans
    check(make, {"slices": slices, "mask": mask}, tmp_path)
