import shutil

import numpy as np
import pytest

from tests.scans.chest import chest, write_series
from tfcovid.errors import InputError
from tfcovid.scans import read_scan


def names(scan):
    return [finding.name for finding in scan.findings]


def test_the_axial_chest_series_with_most_slices_is_chosen_and_reported(tmp_path):
    hu = chest(16)
    write_series(tmp_path / "thin", hu, uid="1.2.3.1")
    write_series(tmp_path / "thick", hu[::2], uid="1.2.3.2", step=(0, 0, 5))
    write_series(tmp_path / "coronal", chest(30), uid="1.2.3.3", ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    write_series(tmp_path / "head", chest(30), uid="1.2.3.4", BodyPartExamined="HEAD")
    write_series(tmp_path / "mr", chest(30), uid="1.2.3.5", Modality="MR")
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.hu, hu)
    assert names(scan) == ["several-series"]
    assert scan.findings[0].message == "Of 5 series the one of 16 slices was read; others have 8, 30, 30, 30."

    np.testing.assert_array_equal(read_scan(tmp_path, series="1.2.3.2").hu, hu[::2])
    with pytest.raises(InputError, match=r"choose one of 1\.2\.3\.1 \(16 slices\).*Got: series='\?'"):
        read_scan(tmp_path, series="?")


def test_several_patients_stop_the_reading(tmp_path):
    write_series(tmp_path / "a", chest(), uid="1.2.3.1")
    write_series(tmp_path / "b", chest(), uid="1.2.3.2", PatientID="other")
    with pytest.raises(InputError, match=r"several-patients: The folder holds 2 patients") as caught:
        read_scan(tmp_path)
    assert "PLANTED" not in str(caught.value) and "1.2.3" not in str(caught.value)
    assert read_scan(tmp_path, series="1.2.3.2").shape == (12, 40, 48)


def test_a_localiser_in_the_series_is_left_out_and_reported(tmp_path):
    hu = chest()

    def scout(dataset, index):
        if index == 11:
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(tmp_path, hu, scout)
    scan = read_scan(tmp_path)
    assert names(scan) == ["localiser"] and "011.dcm" in scan.findings[0].message
    np.testing.assert_array_equal(scan.hu, hu[:11])


def test_a_file_copied_twice_is_read_once(tmp_path):
    files = write_series(tmp_path, chest())
    shutil.copy(files[2], tmp_path / "002 (1).dcm")
    scan = read_scan(tmp_path)
    assert names(scan) == ["repeated-files"] and scan.shape[0] == 12


def test_what_is_not_ct_stops_the_reading(tmp_path):
    write_series(tmp_path, chest(), Modality="PT")
    with pytest.raises(InputError, match=r"not-ct: Its modality is PT"):
        read_scan(tmp_path)
    assert names(read_scan(tmp_path, allow=["not-ct"])) == ["not-ct"]


def test_a_colour_screenshot_is_refused(tmp_path):
    def colour(dataset, _):
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        dataset.PixelData = dataset.PixelData * 3

    write_series(tmp_path, chest(), colour)
    with pytest.raises(InputError, match=r"screenshot or a report.*Got: 3 samples of 16 bits"):
        read_scan(tmp_path)
