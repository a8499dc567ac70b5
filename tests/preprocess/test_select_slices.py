import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcovid.errors import InputError
from tfcovid.preprocess import select_slices


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30).filter(any), st.integers(1, 35))
def test_equal_to_trying_every_window(areas, length):
    count = min(length, len(areas))
    sums = [sum(areas[start : start + count]) for start in range(len(areas) - count + 1)]
    best = sums.index(max(sums))
    assert select_slices(np.array(areas), length) == (best, best + count)


@pytest.mark.parametrize(
    ("slices", "length", "count"),
    # Rounded up to whole slices; 0.07 * 100 and 0.1 * 30 lie a hair above 7 and 3 in binary.
    [(285, 0.5, 143), (100, 0.07, 7), (30, 0.1, 3), (10, 0.01, 1), (10, 1.0, 10), (10, 1, 1), (10, 99, 10)],
)
def test_length_by_count_and_by_fraction(slices, length, count):
    start, stop = select_slices(np.arange(slices), length)
    assert (start, stop) == (slices - count, slices)


def test_areas_may_be_floats():
    assert select_slices(np.array([0.1, 0.2, 0.9, 0.3]), np.int64(2)) == (2, 4)


def test_without_any_area_the_middle():
    assert select_slices(np.zeros(10, int), 4) == (3, 7)
    assert select_slices(np.zeros(9, int), 4) == (2, 6)


@pytest.mark.parametrize("length", [0, -1, 0.0, 1.5, np.nan, True, "8"])
def test_lengths_refused(length):
    with pytest.raises(InputError, match="fraction"):
        select_slices(np.ones(5), length)


@pytest.mark.parametrize("areas", [[], [[1, 2]], [1, -1], [1.0, np.nan], ["a"]])
def test_areas_refused(areas):
    with pytest.raises(InputError, match="One area a slice"):
        select_slices(np.array(areas), 1)
