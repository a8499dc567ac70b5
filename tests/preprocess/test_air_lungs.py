import nibabel
import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import air_lungs, body_mask
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


@needs_data
@pytest.mark.parametrize("number, least", [("001", 0.975), ("002", 0.93), ("003", 0.975)])
def test_the_lungs_of_real_scans(number, least):
    """The second has a stomach full of gas beneath the left lung, which the method takes for lung."""
    scan = read_scan(DATA / "volumes" / "imlab_uiip_lungmask3d" / f"id{number}-128x128x64.nii.gz")
    mask = DATA / "volumes" / "imlab_uiip_lungmask3d" / f"id{number}-128x128x64-msk.nii.gz"
    truth = np.asarray(nibabel.load(mask).dataobj) > 127
    assert dice(scan.restore(air_lungs(scan.hu, scan.spacing)) > 0, truth) > least
