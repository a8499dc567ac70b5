import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.preprocess import body_box, to_8bit


def test_the_longest_run_of_body_without_the_table():
    pixels = np.zeros((1, 80, 90), np.uint8)
    pixels[0, 20:50, 10:70] = 200  # body
    pixels[0, 60:72, 5:85] = 200  # table, a shorter run of rows, but the longer one of columns
    # The filter, 10 wide, reaches 5 pixels back and 4 on: a bright run [a, b) leaves [a + 5, b - 4).
    assert body_box(pixels).tolist() == [[25, 10, 46, 81]]


def test_the_first_of_equal_runs():
    pixels = np.zeros((1, 40, 12), np.uint8)
    pixels[0, 2:12] = pixels[0, 20:30] = 100
    assert body_box(pixels, minimum=1).tolist() == [[2, 0, 12, 12]]


def test_whole_hu_cut_where_their_pixels_do():
    # Level 100 of the default window begins at -764.7 HU.
    hu = np.full((1, 6, 6), -765, np.int16)
    hu[0, 2:5, 1:3] = -764
    assert to_8bit(hu[0, 1:3, 1]).tolist() == [99, 100]
    for slices in (hu, hu.astype(np.float32), to_8bit(hu)):
        assert body_box(slices, minimum=1).tolist() == [[2, 1, 5, 3]]


def test_without_body_the_whole_slice():
    assert body_box(np.full((2, 30, 40), 99, np.uint8)).tolist() == [[0, 0, 30, 40]] * 2


@pytest.mark.parametrize(
    ("slices", "options", "says"),
    [
        (np.zeros((2, 9, 9, 3), np.uint8), {}, "one grey channel"),
        (np.zeros((2, 9, 9), np.uint16), {}, "uint16"),
        (np.zeros((2, 9, 9), np.uint8), {"minimum": 0}, "minimum filter.*0"),
        (np.zeros((2, 9, 9), np.uint8), {"threshold": 256}, "256"),
    ],
)
def test_refusals(slices, options, says):
    with pytest.raises(InputError, match=says):
        body_box(slices, **options)
