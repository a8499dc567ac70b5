from dataclasses import replace

import cv2
import nibabel as nib
import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.data import Entry, label_volume
from tfcovid.data.layouts.lung_pairs import lung_pairs
from tfcovid.data.layouts.phantom import phantom
from tfcovid.errors import InputError
from tfcovid.preprocess import split_lungs
from tfcovid.scans import read_scan

LUNG = ("background", "lung")
BOTH = ("background", "lung", "infection")
SHAPE = (6, 5, 4)  # (i, j, k)
RAS = np.diag([-1.0, -1.0, 2.0, 1.0])


@pytest.fixture
def write(tmp_path):
    """Writes (i, j, k) as NIfTI and returns its path."""

    def write(name, array, affine=RAS):
        nib.save(nib.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
        return tmp_path / f"{name}.nii.gz"

    return write


@pytest.fixture
def ct(write):
    air = np.full(SHAPE, -1000, np.int16)
    air[2:4] = 0
    return write("ct", air)


def seen(ct, lungs=None, lesions=None, labels=LUNG):
    """The labels along (i, j, k)."""
    scan = read_scan(ct)
    return scan.restore(label_volume(scan, Entry(ct, "p", "x", lungs=lungs, lesions=lesions), labels))


def mask(*values):
    """A mask whose first voxels have these values."""
    array = np.zeros(SHAPE, np.int16)
    array.ravel()[: len(values)] = values
    return array


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 1), (1, 1)),
        ((1, 2, 7), (1, 1, 1)),  # whatever the numbers mean, it is lung
        ((255, 255), (1, 1)),
        ((512, 20), (1, 1)),
        ((1, 2, 255), (1, 1, 255)),
        ((255, 3, 252, 1), (1, 0, 1, 0)),  # black and white as JPEG
        (range(-20, 200, 4), [int(value > 127) for value in range(-20, 200, 4)]),  # smoothed or interpolated edges
        ((-3, 1), (0, 1)),
        ((), ()),
    ],
)
def test_what_is_inside_a_mask_follows_from_its_values(values, expected, ct, write):
    array = mask(*expected)
    np.testing.assert_array_equal(seen(ct, write("lungs", mask(*values))), array)


def test_infection_lies_over_the_lungs_and_what_nobody_looked_at_is_unlabelled(ct, write):
    lungs = write("lungs", mask(1, 1, 1, 0, 255, 0, 255))
    lesions = write("lesions", mask(0, 1, 255, 1, 1, 255, 0))
    np.testing.assert_array_equal(seen(ct, lungs, lesions, BOTH), mask(1, 2, 255, 2, 2, 255, 255))
    np.testing.assert_array_equal(seen(ct, lungs, lesions, ("background", "infection")), mask(0, 1, 255, 1, 1, 255, 0))


def test_a_mask_with_other_axes_lands_on_its_scan(ct, write):
    array = mask(1, 2, 3)
    turned = np.ascontiguousarray(array[::-1].transpose(2, 1, 0))
    affine = RAS[:, [2, 1, 0, 3]].copy()
    affine[:, 2] *= -1
    affine[:3, 3] = RAS[:3, 0] * (SHAPE[0] - 1)
    np.testing.assert_array_equal(seen(ct, write("turned", turned, affine)), array > 0)


def test_phantoms_are_left_right_and_infected(cohort):
    entry = next(entry for entry in phantom(cohort.folder) if entry.label == "covid-19")
    scan, lungs, lesions = (
        read_scan(entry.scan),
        *(read_scan(m, allow="not-hu").voxels for m in (entry.lungs, entry.lesions)),
    )
    sides = split_lungs(lungs > 0, scan.spacing)
    result = label_volume(scan, entry, ("background", "right lung", "infection", "left lung"))
    np.testing.assert_array_equal(result == 2, lesions > 0)
    for label, side in ((1, 2), (3, 1)):
        np.testing.assert_array_equal(result == label, (sides == side) & (lesions == 0))
        assert (result == label).any()


def test_a_mask_that_is_not_the_scans_is_named_with_the_fix(ct, write, tmp_path):
    elsewhere, larger = RAS.copy(), RAS.copy()
    elsewhere[0, 3], larger[0, 0] = 0.6, -1.2  # mm; the last column is then 1 voxel off
    for lungs, message in (
        (None, "label lung needs a mask; name it in the column lungs .* an empty cell"),
        (tmp_path / "gone.nii.gz", "no such mask: .*gone"),
        (write("small", mask()[1:]), r"small.nii.gz: the scan has \(4, 5, 6\) voxels.*Received: \(4, 5, 5\)"),
        (write("beside", mask(), elsewhere), "beside.nii.gz: .* elsewhere .* Received: 0.6 voxels"),
        (write("larger", mask(), larger), "larger.nii.gz: .* Received: 1 voxels"),
    ):
        with pytest.raises(InputError, match=message):
            seen(ct, lungs)
    nearly = RAS.copy()
    nearly[0, 3] = 0.4
    assert not seen(ct, write("nearly", mask(), nearly)).any()
    with pytest.raises(InputError, match="label infection needs a mask; name it in the column lesions"):
        seen(ct, write("lungs", mask()), labels=BOTH)


def test_images_without_a_place_do_not_go_with_a_scan_that_has_one(ct, write, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(4):
        cv2.imwrite(str(folder / f"{k}.png"), np.zeros((5, 6), np.uint8))
    with pytest.raises(InputError, match="the place of the mask is not in its file"):
        seen(ct, folder)
    assert seen(folder, folder).shape == (4, 5, 6)


@needs_data
def test_real_masks_cover_real_lungs():
    volumes = DATA / "volumes"
    scans = [
        Entry(path, "", "", lungs=path.with_name(path.name.replace(".nii", "-msk.nii")))
        for path in sorted((volumes / "imlab_uiip_lungmask3d").glob("id???-128x128x64.nii.gz"))
    ]
    scans.append(Entry(volumes / "cip_ct64/ct-64.nii.gz", "", "", lungs=volumes / "cip_ct64/ct-64_lungmask.nii.gz"))
    shares = []
    for entry in scans:
        scan = read_scan(entry.scan)
        inside = label_volume(scan, entry, LUNG) == 1
        shares.append(round(float(inside.mean()), 3))
        assert np.median(scan.hu[inside]) < -700
    assert shares == [0.16, 0.084, 0.144, 0.203]
    # Its label map by regions marks the same voxels, but for a rim.
    regions = replace(scans[-1], lungs=volumes / "cip_ct64/lm-64.nrrd")
    assert (label_volume(scan, regions, LUNG) == inside).mean() > 0.99


@needs_data
def test_drawn_masks_of_real_slices_have_no_grey_rim():
    for entry in lung_pairs(DATA / "seg2d/lungsegdb_lung")[::4]:
        scan = read_scan(entry.scan)
        drawn = read_scan(entry.lungs).voxels
        np.testing.assert_array_equal(label_volume(scan, entry, LUNG), drawn > 127)


def test_255_beside_nothing_is_a_lung_and_in_lesions_what_the_map_says(ct, write):
    drawn = write("drawn", mask(0, 255, 255))
    np.testing.assert_array_equal(seen(ct, lungs=drawn), mask(0, 1, 1))
    labels = ("background", "infection")
    for values, expected in (("infection=255", mask(0, 1, 1)), ("unlabelled=255", mask(0, 255, 255))):
        scan, entry = read_scan(ct), Entry(ct, "p", "x", lesions=drawn, mask_values=values)
        np.testing.assert_array_equal(scan.restore(label_volume(scan, entry, labels)), expected)
    with pytest.raises(
        InputError, match=r"drawn\.nii\.gz: 255 can be infection in this mask, or what nobody looked at"
    ):
        seen(ct, lesions=drawn, labels=labels)


@needs_data
def test_ground_glass_and_consolidation_of_a_real_mask_are_infection_by_its_map():
    case = DATA / "infection" / "medseg9_volumes" / "dcm5_radiopaedia_27_86410_0"
    scan = read_scan(case / "ct", allow=("not-hu", "no-spacing", "no-orientation"))
    entry = Entry(case / "ct", "p", "x", lesions=case / "infection", mask_values="infection=127,255")
    result = label_volume(scan, entry, ("background", "infection"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((case / "infection").iterdir())]
    assert np.count_nonzero(result == 1) == np.count_nonzero(pictures) and not (result == 255).any()
    with pytest.raises(
        InputError, match=r"infection: 255 can be infection.*infection=127,255.*Received: 0 \(.* %\), 127"
    ):
        label_volume(scan, replace(entry, mask_values=None), ("background", "infection"))
