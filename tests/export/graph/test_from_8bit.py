import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.export.graph.from_8bit import from_8bit
from tfcovid.preprocess import from_8bit as expected_hu


def test_every_level_becomes_the_hu_of_preprocess():
    levels = np.arange(256, dtype=np.uint8).reshape(2, 4, 32)
    for window in ((-600, 1500), (40, 350.5)):
        found = from_8bit(levels, *window)
        assert found.dtype == "int16"
        np.testing.assert_array_equal(found, expected_hu(levels, *window))
    with pytest.raises(InputError, match="width"):
        from_8bit(levels, 0, 0)
