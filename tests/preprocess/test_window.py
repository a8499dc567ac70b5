import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.preprocess import draw_centers, window


def test_the_window_of_the_paper_in_numbers():
    hu = np.array([-3024, -1200, -900, -600, -300, 0, 3000], np.int16)
    np.testing.assert_array_equal(window(hu), np.float32([0, 0, 0.25, 0.5, 0.75, 1, 1]))
    assert window(hu).dtype == np.float32
    assert hu[0] == -3024  # The scan itself stays as it was.


def test_one_centre_a_slice():
    hu = np.full((3, 2, 2), -600, np.float32)
    levels = window(hu, center=np.array([-600, -700, -500]))
    np.testing.assert_allclose(levels[:, 0, 0], [0.5, 0.5 + 100 / 1200, 0.5 - 100 / 1200], atol=1e-6)


def test_drawn_centres_stay_in_range_and_follow_the_seed():
    centers = draw_centers(1000, seed=7)
    assert centers.shape == (1000,)
    assert centers.min() >= -700 and centers.max() <= -500 and np.ptp(centers) > 190
    np.testing.assert_array_equal(centers, draw_centers(1000, seed=7))
    generator = np.random.default_rng(7)
    assert draw_centers(1, seed=generator) != draw_centers(1, seed=generator)


@pytest.mark.parametrize(
    ("hu", "options", "says"),
    [
        (np.zeros((1, 2, 2), np.uint8), {}, "from_8bit.*uint8"),
        (np.array([0.0, np.nan]), {}, "Received: 1 NaN"),
        (np.zeros((1, 2, 2), np.int16), {"width": 0}, "width 0"),
        (np.zeros((2, 2, 2), np.int16), {"center": np.zeros(3)}, r"\(3,\)"),
    ],
)
def test_refusals_name_the_fix(hu, options, says):
    with pytest.raises(InputError, match=says):
        window(hu, **options)


def test_centres_swapped():
    with pytest.raises(InputError, match="swap"):
        draw_centers(3, low=-500, high=-700)
