import nibabel
import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import air_lungs, body_mask, from_8bit, to_8bit
from tfcovid.scans import read_scan


def dice(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


@pytest.mark.parametrize("disease, least", [("healthy", 0.97), ("cap", 0.92)])
def test_both_lungs_of_a_phantom_are_found_on_their_sides(disease, least):
    phantom = make_phantom(disease, seed=2, shape=(16, 128, 128), severity=None if disease == "healthy" else 0.8)
    found = air_lungs(phantom.hu, phantom.spacing)
    assert found.dtype == np.uint8 and set(np.unique(found)) == {0, 1, 2}
    for side in (1, 2):
        assert dice(found == side, phantom.lungs == side) > least
    np.testing.assert_array_equal(found, air_lungs(phantom.hu, phantom.spacing, body=body_mask(phantom.hu)))


def test_a_lesion_within_a_lung_counts_as_lung():
    hu = np.full((3, 128, 128), 40, np.int16)
    hu[:, 30:90, 14:54] = hu[:, 30:90, 74:114] = -850
    hu[:, 50:54, 30:34] = 30  # inside
    hu[:, 60:64, 14:18] = 30  # against the chest wall
    found = air_lungs(hu, (5.0, 2.0, 2.0))
    assert (found[:, 50:54, 30:34] == 2).all() and (found[:, 60:64, 14:18] == 2).mean() > 0.7
    assert (found[:, 30:90, 74:114] == 1).mean() > 0.99


def test_where_there_is_no_lung_nothing_is_found():
    assert not air_lungs(np.full((2, 64, 64), 40, np.int16), (5.0, 1.0, 1.0)).any()
    assert not air_lungs(np.full((2, 64, 64), -1000, np.int16), (5.0, 1.0, 1.0)).any()


@pytest.mark.parametrize("center, width, least", [(-600, 1500, 0.98), (0, 2000, 0.98), (40, 400, 0.88)])
def test_lungs_are_found_in_grey_levels_whatever_their_window_was(center, width, least):
    """In the last one fat is nearly black and counts."""
    phantom = make_phantom("healthy", seed=2, shape=(4, 128, 128))
    levels = to_8bit(phantom.hu, center, width)
    found = air_lungs(from_8bit(levels, center=-600, width=1500), phantom.spacing, eight_bit=True)
    for side in (1, 2):
        assert dice(found == side, phantom.lungs == side) > least


def test_in_grey_levels_a_speck_is_no_lung_and_without_a_body_there_is_none():
    row, column = np.indices((128, 128))
    lung = (row - 64) ** 2 + (column - 40) ** 2 < 30**2
    speck = (row - 64) ** 2 + (column - 96) ** 2 < 8**2  # 7 % of the lung, 1 % of the body
    levels = np.where(lung | speck, 60, 200).astype(np.uint8)[None]
    found = air_lungs(from_8bit(levels, center=-600, width=1500), (1.0, 1.0, 1.0), eight_bit=True)
    assert set(np.unique(found)) == {0, 2}
    assert set(np.unique(air_lungs(from_8bit(levels, center=-600, width=1500), (1.0, 1.0, 1.0)))) == {0, 1, 2}
    alone = np.where(levels == 60, 90, 0).astype(np.uint8)  # all but the lungs is black
    assert not air_lungs(from_8bit(alone, center=-600, width=1500), (1.0, 1.0, 1.0), eight_bit=True).any()


@needs_data
@pytest.mark.parametrize("number, least", [("001", 0.975), ("002", 0.93), ("003", 0.975)])
def test_the_lungs_of_real_scans(number, least):
    """The second has a stomach full of gas beneath the left lung, which the method takes for lung."""
    scan = read_scan(DATA / "volumes" / "imlab_uiip_lungmask3d" / f"id{number}-128x128x64.nii.gz")
    mask = DATA / "volumes" / "imlab_uiip_lungmask3d" / f"id{number}-128x128x64-msk.nii.gz"
    truth = np.asarray(nibabel.load(mask).dataobj) > 127
    assert dice(scan.restore(air_lungs(scan.hu, scan.spacing)) > 0, truth) > least
