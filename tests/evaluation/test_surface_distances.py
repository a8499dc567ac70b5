import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from tests.data_folder import DATA, needs_data
from tfcovid.evaluation.surface_distances import surface_distances
from tfcovid.scans import read_scan

MM = (5.0, 0.7, 0.9)


def _plain(first, second, mm):
    """Every surface voxel against every other: the voxels that an erosion by the six faces takes away."""
    points = [np.argwhere(mask & ~ndimage.binary_erosion(mask)) * mm for mask in (first, second)]
    table = cdist(*points)
    return table.min(axis=1), table.min(axis=0)


@pytest.mark.parametrize("seed", range(4))
def test_distances_are_those_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    first, second = (ndimage.gaussian_filter(rng.normal(size=(9, 14, 12)), 2) > 0.02 for _ in range(2))
    for ours, plain in zip(surface_distances(first, second, MM), _plain(first, second, MM), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-12)


@pytest.mark.parametrize("seed", range(2))
def test_distances_are_those_of_a_distance_transform(seed):
    rng = np.random.default_rng(seed)
    first, second = (ndimage.gaussian_filter(rng.normal(size=(12, 40, 40)), 3) > 0.02 for _ in range(2))
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (first, second)]
    for ours, here, there in zip(surface_distances(first, second, MM), edges, edges[::-1], strict=True):
        np.testing.assert_allclose(ours, ndimage.distance_transform_edt(~there, sampling=MM)[here], rtol=1e-12)


def test_a_slab_three_voxels_thick_against_the_slab_one_voxel_further():
    first, second = np.zeros((2, 9, 7, 7), bool)
    first[2:5], second[3:6] = True, True
    there, back = surface_distances(first, second, (2.0, 1.0, 1.0))
    # Bottom 2 mm away, top 2 mm; of the middle slice only the 24 voxels at the image's edge are surface, met there.
    assert sorted(there) == sorted(back)
    assert np.isclose(there, 0).sum() == 24 + 24 and len(there) == 49 + 24 + 49


def test_a_face_on_an_unknown_voxel_makes_no_surface():
    block = np.zeros((7, 9, 9), bool)
    block[2:5, 2:7, 2:7] = True
    known = np.ones_like(block)
    known[5:] = False
    assert len(surface_distances(block, block, MM)[0]) == 75 - 9
    assert len(surface_distances(block, block, MM, known)[0]) == 75 - 9 - 9


def test_without_a_surface_there_are_no_distances():
    empty, ball = np.zeros((3, 5, 5), bool), np.ones((3, 5, 5), bool)
    assert [len(one) for one in surface_distances(empty, ball, MM)] == [0, 0]
    assert [len(one) for one in surface_distances(empty, empty, MM)] == [0, 0]


@needs_data
def test_real_lungs_against_themselves_a_voxel_further():
    lungs = read_scan(DATA / "volumes/cip_ct64/ct-64_lungmask.nii.gz", allow=["not-hu"])
    inside = lungs.voxels > 0
    there, back = surface_distances(inside, np.roll(inside, 1, axis=2), lungs.spacing)
    assert 0 < there.mean() < back.max() <= lungs.spacing[2] + 1e-9
