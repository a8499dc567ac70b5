import numpy as np
import pytest
from scipy import ndimage

from tfcovid.export.graph.minimum_filter import minimum_filter


@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_it_is_that_of_scipy_up_to_the_edge(size):
    rng = np.random.default_rng(size)
    for shape in ((2, 30, 41), (1, 12, 11), (1, 3, 1)):
        mask = rng.random(shape) < 0.97
        expected = np.stack([ndimage.minimum_filter(one, size) for one in mask])
        np.testing.assert_array_equal(minimum_filter(mask, size), expected)
