import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcovid.errors import InputError
from tfcovid.preprocess import from_8bit, to_8bit
from tfcovid.preprocess.eight_bit import level_in_hu


def test_levels_in_numbers():
    # -1300 HU is 8.5 levels above the window's foot: a half, which goes up.
    hu = np.array([-2048, -1350, -1300, -600, 150, 3000], np.int16)
    np.testing.assert_array_equal(to_8bit(hu), np.array([0, 0, 9, 128, 255, 255], np.uint8))
    np.testing.assert_array_equal(to_8bit(hu, -600, 1200), np.array([0, 0, 0, 128, 255, 255], np.uint8))


def test_back_to_hu_in_numbers():
    pixels = np.array([[0, 128, 255]], np.uint8)
    hu = from_8bit(pixels, -600, 1500)
    assert hu.dtype == np.int16 and hu.tolist() == [[-1350, -597, 150]]


@given(st.integers(-800, 100), st.integers(300, 4000))
def test_pixels_survive_the_way_through_hu(center, width):
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_8bit(from_8bit(pixels, center, width), center, width), pixels)


@given(st.integers(-800, 100), st.integers(2, 4000), st.integers(1, 255))
def test_the_hu_of_a_level_cuts_where_the_pixels_do(center, width, level):
    hu = np.arange(-3100, 3100, dtype=np.int16)
    np.testing.assert_array_equal(hu >= level_in_hu(level, center, width), to_8bit(hu, center, width) >= level)


def test_refusals():
    with pytest.raises(InputError, match="uint8"):
        to_8bit(np.zeros(4, np.uint8))
    with pytest.raises(InputError, match="int16"):
        from_8bit(np.zeros(4, np.int16), -600, 1500)
    with pytest.raises(InputError, match="16-bit"):
        from_8bit(np.zeros(4, np.uint8), 0, 100_000)
    with pytest.raises(InputError, match="width"):
        from_8bit(np.zeros(4, np.uint8), 0, -1)
