import numpy as np
from scipy import ndimage

from tfcovid.preprocess.surface_voxels import surface_voxels


def test_the_surface_is_what_an_erosion_by_the_six_faces_takes_away():
    mask = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(7, 12, 11)), 1.5) > 0
    np.testing.assert_array_equal(surface_voxels(mask), mask & ~ndimage.binary_erosion(mask))


def test_a_face_on_an_unknown_voxel_makes_no_surface():
    block, known = np.zeros((1, 5, 5), bool), np.ones((1, 5, 5), bool)
    block[0, 1:4, 1:4] = True
    assert surface_voxels(block).sum() == 8  # of a single slice its outline
    block = np.repeat(block, 5, axis=0)
    known = np.repeat(known, 5, axis=0)
    assert surface_voxels(block).sum() == 5 * 9 - 3
    known[:, 4] = False
    assert surface_voxels(block, known).sum() == 5 * 9 - 3 - 3
