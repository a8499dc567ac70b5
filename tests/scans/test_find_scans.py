import shutil

import nibabel
import numpy as np
import pytest
from PIL import Image

from tests.scans.chest import chest, write_series
from tfcovid.errors import InputError
from tfcovid.scans import find_scans, read_scan


def test_every_scan_under_a_folder_is_found_once_and_can_be_read(tmp_path):
    hu = chest()
    write_series(tmp_path / "p1" / "series", hu)
    write_series(tmp_path / "p2", hu, name="IM{}")
    (tmp_path / "p2" / "preview.nii").write_bytes(b"none")
    (tmp_path / "p3").mkdir()
    for name in ("a.nii", "b.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(hu.transpose(), np.diag([-1, -1, 2, 1])), tmp_path / "p3" / name)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "p3" / "preview.png")
    (tmp_path / "p4").mkdir()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "p4" / "1.png")
    shutil.make_archive(str(tmp_path / "p5"), "zip", tmp_path / "p2")
    (tmp_path / "notes.txt").write_text("x")
    found = find_scans(tmp_path)
    expected = ["p1/series", "p2", "p3/a.nii", "p3/b.nii.gz", "p4", "p5.zip"]
    assert found == [tmp_path / name for name in expected]
    assert [read_scan(path).units for path in found] == ["HU"] * 4 + ["8-bit", "HU"]


def test_a_folder_that_is_a_scan_is_the_only_one(tmp_path):
    write_series(tmp_path, chest())
    write_series(tmp_path / "more", chest(), uid="1.2.3")
    assert find_scans(tmp_path) == [tmp_path]


def test_a_cd_s_index_is_no_scan(tmp_path):
    files = write_series(tmp_path / "IMAGES", chest())
    shutil.copy(files[0], tmp_path / "DICOMDIR")
    assert find_scans(tmp_path) == [tmp_path / "IMAGES"]
    assert read_scan(tmp_path).shape[0] == 12


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"Got: .*absent$"):
        find_scans(tmp_path / "absent")
