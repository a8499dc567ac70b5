import zipfile

import nibabel
import numpy as np
import pytest
from PIL import Image

from tests.scans.chest import chest, write_series
from tfcovid.errors import InputError
from tfcovid.scans import archive, read_scan


def pack(path, folder):
    with zipfile.ZipFile(path, "w") as packed:
        for file in folder.rglob("*"):
            packed.write(file, file.relative_to(folder.parent))
        packed.writestr("__MACOSX/._001.dcm", b"\0\5\x16\7")
        packed.writestr("top/.DS_Store", b"x")
    return path


def test_a_zip_of_dicom_nifti_or_images_is_read(tmp_path):
    hu = chest()
    write_series(tmp_path / "dicom" / "inner", hu)
    (tmp_path / "nifti").mkdir()
    nibabel.save(nibabel.Nifti1Image(hu.transpose(), np.diag([-1, -1, 2, 1])), tmp_path / "nifti" / "scan.nii.gz")
    (tmp_path / "images").mkdir()
    for index in range(12):
        Image.fromarray(np.full((8, 9), index, np.uint8)).save(tmp_path / "images" / f"{index}.png")
    for name in ("dicom", "nifti"):
        scan = read_scan(pack(tmp_path / f"{name}.dat", tmp_path / name))
        np.testing.assert_array_equal(scan.hu, hu)
        assert scan.sources == (tmp_path / f"{name}.dat",)
    scan = read_scan(pack(tmp_path / "images.zip", tmp_path / "images"))
    np.testing.assert_array_equal(scan.voxels[:, 0, 0], range(12))


def test_a_fault_inside_names_the_zip_and_no_temporary_folder(tmp_path):
    files = write_series(tmp_path / "dicom", chest())
    files[3].unlink()
    path = pack(tmp_path / "scan.zip", tmp_path / "dicom")
    with pytest.raises(InputError, match=r"missing-slices") as caught:
        read_scan(path)
    assert str(caught.value).endswith(f"Got: {path}") and "tfcovid-" not in str(caught.value)


@pytest.mark.parametrize("member", ["../out.dcm", "/out.dcm", "a/../../out.dcm", "..\\out.dcm", "C:\\out.dcm"])
def test_a_member_that_leads_outside_is_refused(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        packed.writestr(zipfile.ZipInfo(member), b"x")
    with pytest.raises(InputError, match=r"bad\.zip: a member of the zip leads outside it"):
        read_scan(tmp_path / "bad.zip")


def test_a_damaged_an_empty_a_nested_and_a_huge_zip_are_refused(tmp_path, monkeypatch):
    write_series(tmp_path / "dicom", chest())
    path = pack(tmp_path / "scan.zip", tmp_path / "dicom")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as packed:
        packed.write(path, "scan.zip")
    with pytest.raises(InputError, match=r"no scan, but scan\.zip$"):
        read_scan(tmp_path / "outer.zip")
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"cut\.zip: the zip is damaged"):
        read_scan(tmp_path / "cut.zip")
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(InputError, match=r"unpacks to more than 1000 bytes"):
        read_scan(path)
