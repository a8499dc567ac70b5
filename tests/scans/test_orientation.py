from itertools import permutations, product

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.scans.chest import canonical_affine, chest
from tfcovid.errors import InputError
from tfcovid.scans import read_scan, write_nifti
from tfcovid.scans.orientation import Frame

TO_RAS = np.diag([-1, -1, 1, 1])


def nifti_of(hu, affine, order, flips):
    """The canonical chest as a NIfTI image whose (i, j, k) are its (column, row, slice) axes, reordered and flipped."""
    array, affine = hu.transpose(2, 1, 0), affine.copy()
    for axis in range(3):
        if flips[axis]:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    return nibabel.Nifti1Image(array.transpose(order), TO_RAS @ affine[:, [*order, 3]])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_all_48_orientations_become_one_scan_and_go_back(tmp_path, order):
    hu = chest()
    for flips in product((False, True), repeat=3):
        image = nifti_of(hu, canonical_affine(), order, flips)
        nibabel.save(image, tmp_path / "scan.nii")
        scan = read_scan(tmp_path / "scan.nii")
        np.testing.assert_array_equal(scan.voxels, hu)
        np.testing.assert_allclose(scan.affine, canonical_affine(), atol=1e-5)
        np.testing.assert_array_equal(scan.restore(scan.voxels), image.get_fdata())
        colour = np.stack([scan.voxels, scan.voxels + 1], axis=-1)
        np.testing.assert_array_equal(scan.restore(colour)[..., 1], image.get_fdata() + 1)

        written = nibabel.load(write_nifti(scan.voxels, tmp_path / "result.nii", like=scan))
        np.testing.assert_array_equal(written.get_fdata(), image.get_fdata())
        np.testing.assert_array_equal(written.affine, nibabel.load(tmp_path / "scan.nii").affine)
        again = read_scan(tmp_path / "result.nii")
        np.testing.assert_array_equal(again.voxels, hu)
        np.testing.assert_array_equal(again.affine, scan.affine)
        assert again.key == scan.key


angles = st.floats(-25, 25)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), angles, angles, angles, st.integers(0, 2**31))
def test_oblique_axes_keep_every_voxel_where_it_is(order, flips, x, y, z, seed):
    random = np.random.default_rng(seed)
    shape, spacing = random.integers(2, 6, 3), random.uniform(0.5, 5, 3)
    turned = Rotation.from_euler("xyz", [x, y, z], degrees=True).as_matrix() * spacing * np.where(flips, -1, 1)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turned[:, order], random.uniform(-300, 300, 3)
    array = np.arange(shape.prod()).reshape(shape)
    frame = Frame.nearest(array.shape, affine, slices_first=False)
    canonical = frame.canonical(array)
    np.testing.assert_array_equal(frame.restore(canonical), array)

    everywhere = np.argwhere(np.ones(shape, bool))
    places = frame.canonical_places(everywhere)
    np.testing.assert_array_equal(canonical[tuple(places.T)], array[tuple(everywhere.T)])

    to_world = frame.canonical_affine()
    assert (np.diag(to_world[:3, :3]) > 0).all()
    index = tuple(random.integers(0, canonical.shape))
    there = np.argwhere(array == canonical[index])[0]
    np.testing.assert_allclose((to_world @ [*index[::-1], 1])[:3], (affine @ [*there, 1])[:3], atol=1e-9)


def test_an_oblique_scan_keeps_its_true_direction(tmp_path):
    affine = canonical_affine()
    affine[:3, :3] = Rotation.from_euler("xyz", [12, 8, 5], degrees=True).as_matrix() @ affine[:3, :3]
    nibabel.save(nifti_of(chest(), affine, (1, 0, 2), (True, False, True)), tmp_path / "oblique.nii.gz")
    scan = read_scan(tmp_path / "oblique.nii.gz")
    assert [finding.name for finding in scan.findings] == ["oblique"]
    np.testing.assert_allclose(scan.affine, affine, atol=1e-4)
    np.testing.assert_array_equal(scan.hu, chest())


def test_restore_refuses_an_array_of_another_shape(tmp_path):
    nibabel.save(nifti_of(chest(), canonical_affine(), (0, 1, 2), (False,) * 3), tmp_path / "scan.nii")
    scan = read_scan(tmp_path / "scan.nii")
    with pytest.raises(InputError, match=r"\(12, 40, 48\)\. Got: \(12, 40, 47\)$"):
        scan.restore(np.zeros((12, 40, 47)))
