import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.preprocess import mask_boxes


@pytest.fixture
def mask():
    """Four slices of 40 x 50: a lung of rows 10 to 29 and columns 5 to 44, a speck, nothing, the whole slice."""
    mask = np.zeros((4, 40, 50), bool)
    mask[0, 10:30, 5:45] = True
    mask[1, 20:24, 20:60] = mask[3] = True
    return mask


def test_the_box_moves_inwards_as_the_paper_has_it(mask):
    boxes, empty = mask_boxes(mask)
    assert boxes.tolist() == [[15, 10, 25, 40], [20, 20, 24, 50], [0, 0, 40, 50], [5, 5, 35, 45]]
    assert empty.tolist() == [False, False, True, False]


def test_a_margin_widens_within_the_slice(mask):
    assert mask_boxes(mask, 8)[0].tolist() == [[2, 0, 38, 50], [12, 12, 32, 50], [0, 0, 40, 50], [0, 0, 40, 50]]


def test_one_box_for_a_scan_is_around_those_of_its_slices(mask):
    boxes, empty = mask_boxes(mask[:3], -5, per_scan=True)
    assert boxes.tolist() == [[15, 10, 25, 50]] * 3 and empty.tolist() == [False, False, True]
    assert mask_boxes(mask[2:3], per_scan=True)[0].tolist() == [[0, 0, 40, 50]]


def test_labels_are_no_mask(mask):
    with pytest.raises(InputError, match=r"of bool\. Received: uint8"):
        mask_boxes(mask.astype("uint8"))
