import nibabel
import numpy as np
import pytest

from tests.scans.chest import canonical_affine, chest, write_series
from tfcovid.errors import InputError
from tfcovid.scans import Scan, read_scan, write_nifti


def test_a_dicom_result_holds_no_identity_and_names_its_frame(tmp_path):
    write_series(tmp_path / "dicom", chest())
    scan = read_scan(tmp_path / "dicom", identity=True)
    path = write_nifti(scan.hu > -600, tmp_path / "mask 50%.nii", like=scan)
    data, image = path.read_bytes(), nibabel.load(path)
    assert not any(word in data for word in (b"Planted", b"PLANTED", b"2020", scan.key.encode()))
    assert image.get_data_dtype() == np.uint8 and image.header.get_xyzt_units()[0] == "mm"
    assert int(image.header["sform_code"]) == int(image.header["qform_code"]) == 1
    np.testing.assert_allclose(np.diag([-1, -1, 1, 1]) @ image.get_qform(), canonical_affine(), atol=1e-4)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["dicom", "mask 50%.nii"]


def test_both_forms_of_a_nifti_source_come_back_as_they_were(tmp_path):
    sform, qform = np.diag([-2.0, -2, 3, 1]), np.diag([-2.0, -2, 3, 1])
    sform[:3, 3], qform[:3, 3] = [5, 6, 7], [50, 60, 70]
    for sform_code, qform_code in ((1, 2), (4, 0), (0, 2), (0, 0)):
        image = nibabel.Nifti1Image(chest().transpose(), None)
        image.set_sform(sform, sform_code)
        image.set_qform(qform, qform_code)
        nibabel.save(image, tmp_path / "scan.nii")
        scan = read_scan(tmp_path / "scan.nii")
        written = nibabel.load(write_nifti(np.float32(scan.hu), tmp_path / "out.nii.gz", like=scan))
        assert written.get_data_dtype() == np.float32
        source = nibabel.load(tmp_path / "scan.nii")
        np.testing.assert_allclose(written.affine, source.affine)
        if sform_code or qform_code:
            assert written.get_sform(coded=True)[1] == (sform_code or qform_code)
            assert written.get_qform(coded=True)[1] == (qform_code or sform_code)
            np.testing.assert_allclose(written.get_sform(), sform if sform_code else qform, atol=1e-5)
            np.testing.assert_allclose(written.get_qform(), qform if qform_code else sform, atol=1e-5)
        else:
            assert written.header["sform_code"] == written.header["qform_code"] == 0


def test_the_source_s_free_text_is_not_copied(tmp_path):
    image = nibabel.Nifti1Image(chest().transpose(), np.diag([-1, -1, 2, 1]))
    image.header["descrip"], image.header["db_name"], image.header["intent_name"] = b"Planted", b"Planted", b"Planted"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Planted"))
    nibabel.save(image, tmp_path / "scan.nii")
    scan = read_scan(tmp_path / "scan.nii", identity=True)
    assert b"Planted" not in write_nifti(scan.hu, tmp_path / "out.nii", like=scan).read_bytes()
    assert "Planted" not in repr(scan.__dict__)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    scan = Scan.from_array(chest())
    path = write_nifti(scan.hu, tmp_path / "out.nii", like=scan)
    before = path.read_bytes()

    def fail(image, part):
        part.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(nibabel, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_nifti(scan.hu, path, like=scan)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_refused(tmp_path):
    scan = Scan.from_array(chest())
    with pytest.raises(InputError, match="Got: int64 of shape"):
        write_nifti(scan.hu.astype(np.int64), tmp_path / "out.nii", like=scan)
    with pytest.raises(InputError, match="ends in"):
        write_nifti(scan.hu, tmp_path / "out.png", like=scan)
    with pytest.raises(InputError, match="folder that exists"):
        write_nifti(scan.hu, tmp_path / "absent" / "out.nii", like=scan)
    with pytest.raises(InputError, match="own shape"):
        write_nifti(scan.hu[1:], tmp_path / "out.nii", like=scan)
