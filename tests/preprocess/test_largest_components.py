import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.preprocess import largest_components


def _mask(*boxes, shape=(4, 20, 20)):
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box] = True
    return mask


RIGHT, LEFT = np.s_[:, 2:12, 1:7], np.s_[:, 2:12, 12:17]  # 240 and 200 voxels


def test_both_lungs_stay_and_what_has_less_than_the_share_of_the_larger_goes():
    windpipe, speck = np.s_[:, 15:18, 9:10], np.s_[0:1, 0:1, 0:1]  # 12 voxels are exactly a twentieth of 240
    mask = _mask(RIGHT, LEFT, windpipe, speck)
    np.testing.assert_array_equal(largest_components(mask), _mask(RIGHT, LEFT, windpipe))
    np.testing.assert_array_equal(largest_components(mask, share=0.051), _mask(RIGHT, LEFT))
    np.testing.assert_array_equal(largest_components(mask, share=0), mask)
    np.testing.assert_array_equal(largest_components(mask, share=1), _mask(RIGHT))


def test_voxels_that_touch_at_an_edge_only_are_apart():
    np.testing.assert_array_equal(largest_components(_mask(RIGHT, np.s_[:, 12:13, 7:8])), _mask(RIGHT))


def test_a_single_slice_keeps_its_lungs_and_an_empty_mask_stays_empty():
    lungs = np.s_[:, 2:12, 1:7], np.s_[:, 2:4, 12:14]
    one = _mask(*lungs, np.s_[:, 18:19, 18:20], shape=(1, 20, 20))
    np.testing.assert_array_equal(largest_components(one), _mask(*lungs, shape=(1, 20, 20)))
    assert not largest_components(np.zeros((3, 5, 7), bool)).any()


def test_label_numbers_are_refused_for_they_are_no_mask():
    with pytest.raises(InputError, match="Received: uint8"):
        largest_components(np.zeros((1, 2, 2), np.uint8))
    with pytest.raises(InputError, match="share"):
        largest_components(np.zeros((1, 2, 2), bool), share=5)
