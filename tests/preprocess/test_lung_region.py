import numpy as np
import pytest
import scipy.ndimage

from tests.data_folder import DATA, needs_data
from tfcovid.errors import InputError
from tfcovid.preprocess import lung_region
from tfcovid.scans import read_scan


def test_the_region_ends_5_mm_from_the_lungs_and_falls_evenly():
    lungs = np.zeros((2, 60, 60), bool)
    lungs[1, 20:40, 20:40] = True
    region = lung_region(lungs, (1.0, 1.0))
    assert region.dtype == np.uint8 and not region[0].any()
    # From the last pixel of the lung to the right: 1, 2, 3, 4 and 5 mm away.
    assert region[1, 30, 38:46].tolist() == [255, 255, 255, 255, 170, 85, 0, 0]
    assert lung_region(lungs, (2.0, 2.0))[1, 30, 38:46].tolist() == [255, 255, 255, 85, 0, 0, 0, 0]


def test_consolidation_at_the_wall_and_vessels_inside_are_part_of_it():
    lungs = np.zeros((1, 100, 100), bool)
    lungs[0, 20:80, 20:80] = True
    lungs[0, 20:26, 40:52] = False  # a lesion of 12 mm at the wall
    lungs[0, 30:75, 45:75] = False  # a hole of 45 x 30 mm
    region = lung_region(lungs, (1.0, 1.0))
    assert (region[0, 22:78, 22:78] == 255).all()


def test_what_lies_between_two_lungs_that_touch_is_not_part_of_them():
    lungs = np.zeros((1, 200, 200), bool)
    lungs[0, 20:180, 20:180] = True
    lungs[0, 40:160, 50:150] = False
    assert not lung_region(lungs, (1.0, 1.0))[0, 60:140, 70:130].any()


def test_pictures_without_a_size_are_taken_for_350_mm_wide():
    lungs = np.zeros((1, 64, 350), bool)
    lungs[0, 20:40, 100:200] = True
    np.testing.assert_array_equal(lung_region(lungs, None), lung_region(lungs, (1.0, 1.0)))


@needs_data
@pytest.mark.parametrize("threads", [1, 3])
def test_real_lungs_are_treated_as_scipy_does(threads):
    folder = DATA / "volumes" / "cip_ct64"
    scan = read_scan(folder / "ct-64.nii.gz")
    lungs = read_scan(folder / "ct-64_lungmask.nii.gz", allow="not-hu").voxels > 0
    region = lung_region(lungs, scan.spacing[1:], threads)
    assert (region[lungs] == 255).all()
    mm = scan.spacing[1]
    disc = np.hypot(*np.mgrid[-5:6, -5:6]) * mm <= 20
    for lung, one in zip(lungs, region, strict=True):
        if not lung.any():
            assert not one.any()
            continue
        closed = scipy.ndimage.binary_closing(np.pad(lung, 11), disc)[11:-11, 11:-11]
        holes, count = scipy.ndimage.label(scipy.ndimage.binary_fill_holes(closed) & ~closed)
        for n in range(1, count + 1):
            closed |= (holes == n) & ((holes == n).sum() * mm**2 < 2500)
        away = mm * scipy.ndimage.distance_transform_edt(~closed)
        wrong = np.abs(one - 255 * np.clip((5 - away) / 3, 0, 1)) > 0.51
        assert wrong.mean() < 0.005  # OpenCV's distances are right to a few thousandths, which decides ties


def test_what_is_no_mask_is_refused():
    with pytest.raises(InputError, match=r"bool. Received: shape \(4, 4\)"):
        lung_region(np.zeros((4, 4), bool), None)
