import numpy as np

from tfcovid.preprocess.bounding_box import bounding_box


def test_the_box_holds_every_voxel_and_no_more():
    mask = np.zeros((5, 6, 7), bool)
    mask[1, 4, 6] = mask[3, 2, 6] = True
    assert bounding_box(mask) == (slice(1, 4), slice(2, 5), slice(6, 7))


def test_an_empty_mask_has_an_empty_box():
    empty = np.zeros((5, 6, 7), bool)
    assert empty[bounding_box(empty)].shape == (0, 0, 0)
