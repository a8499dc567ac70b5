import gzip

import nibabel
import numpy as np
import pytest

from tests.scans.chest import canonical_affine, chest
from tfcovid.errors import InputError
from tfcovid.scans import read_scan


def save(path, values, kind=nibabel.Nifti1Image, **header):
    image = kind(values, np.diag([-1, -1, 1, 1]) @ canonical_affine())
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def names(scan):
    return [finding.name for finding in scan.findings]


def test_slope_intercept_float_values_and_nan_become_whole_hu(tmp_path):
    hu = chest()
    scaled = nibabel.Nifti1Image((hu.transpose() + 1024).astype(np.uint16), np.diag([-1, -1, 2, 1]))
    scaled.header.set_slope_inter(1, -1024)
    nibabel.save(scaled, tmp_path / "scaled.nii")
    np.testing.assert_array_equal(read_scan(tmp_path / "scaled.nii").hu, hu)

    values = hu.transpose().astype(np.float64) + 0.25
    values[:4, :4] = np.nan
    scan = read_scan(save(tmp_path / "float.nii.gz", values))
    hu[:, :4, :4] = -1024
    np.testing.assert_array_equal(scan.hu, hu)
    assert names(scan) == ["rounded", "padding"]


def test_nifti_2_and_a_fourth_axis_of_one_are_read(tmp_path):
    hu = chest()
    path = save(tmp_path / "two.nii", hu.transpose()[..., None], nibabel.Nifti2Image)
    np.testing.assert_array_equal(read_scan(path).hu, hu)
    with pytest.raises(InputError, match=r"three axes.*of \(48, 40, 12, 2\)"):
        read_scan(save(tmp_path / "four.nii", np.stack([hu.transpose()] * 2, -1)))


def test_an_unset_or_a_double_frame_is_reported(tmp_path):
    image = nibabel.Nifti1Image(chest().transpose(), None)
    image.set_sform(None)
    image.set_qform(None)
    nibabel.save(image, tmp_path / "none.nii")
    # nibabel's own guess, front to the top of j, turns this chest over, which its bones give away.
    assert names(read_scan(tmp_path / "none.nii")) == ["no-orientation", "upside-down"]

    image.set_sform(np.diag([-1.0, -1, 2, 1]), 1)
    image.set_qform(np.diag([1.0, 1, 2, 1]), 1)
    nibabel.save(image, tmp_path / "two.nii")
    assert names(read_scan(tmp_path / "two.nii")) == ["forms-differ"]


def test_a_file_cut_short_is_refused(tmp_path):
    path = save(tmp_path / "scan.nii.gz", chest().transpose())
    packed = path.read_bytes()
    for data in (packed[: len(packed) // 2], gzip.decompress(packed)[:-100]):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"scan\.nii\.gz: truncated-file"):
            read_scan(path)


def test_a_header_without_extent_is_refused(tmp_path):
    image = nibabel.Nifti1Image(chest().transpose(), None)
    image.set_sform(np.diag([1.0, 1, 0, 1]), 1)
    nibabel.save(image, tmp_path / "flat.nii")
    with pytest.raises(InputError, match="do not span a volume"):
        read_scan(tmp_path / "flat.nii")
