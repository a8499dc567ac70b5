import numpy as np
import pydicom
import pytest

from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom, write_dicom

SHAPE = (6, 40, 48)


@pytest.fixture(scope="module")
def scan():
    return make_phantom("cap", seed=4, shape=SHAPE, spacing=(31.25, 8.5, 7.75))


def test_simpleitk_reads_the_same_voxels_and_positions(scan, tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK, the independent reader, is not installed")
    folder = write_dicom(scan, tmp_path / "series")
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), scan.hu)
    np.testing.assert_allclose(image.GetSpacing(), scan.spacing[::-1], atol=1e-5)
    np.testing.assert_allclose(image.GetOrigin(), scan.origin[::-1], atol=1e-5)
    np.testing.assert_allclose(image.GetDirection(), np.eye(3).ravel())


def test_names_do_not_give_the_order_but_positions_do(scan, tmp_path):
    paths = sorted(write_dicom(scan, tmp_path / "series").iterdir())
    headers = [pydicom.dcmread(path) for path in paths]
    heights = [float(header.ImagePositionPatient[2]) for header in headers]
    assert heights not in (sorted(heights), sorted(heights, reverse=True))
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    stack = np.stack([header.pixel_array * header.RescaleSlope + header.RescaleIntercept for header in headers])
    np.testing.assert_array_equal(stack, scan.hu)
    assert len({header.SOPInstanceUID for header in headers}) == SHAPE[0]
    assert len({header.SeriesInstanceUID for header in headers}) == 1
    assert all(header.PatientName.family_name == "Phantom" for header in headers)


def test_writing_twice_gives_the_same_files_and_another_patient_other_identifiers(scan, tmp_path):
    first, again, other = (
        {path.name: path.read_bytes() for path in write_dicom(scan, tmp_path / place, patient=name).iterdir()}
        for place, name in (("a", "one"), ("b", "one"), ("c", "two"))
    )
    assert first == again
    ids = [pydicom.dcmread(tmp_path / place / "IM0001.dcm").SeriesInstanceUID for place in "ac"]
    assert ids[0] != ids[1]
    assert first.keys() == other.keys()


def test_a_folder_with_files_or_a_bad_patient_is_refused(scan, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match=f"got {tmp_path}$"):
        write_dicom(scan, tmp_path)
    with pytest.raises(InputError, match=r"got 'A\^B'$"):
        write_dicom(scan, tmp_path / "new", patient="A^B")
