import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.scans.chest import (
    ORIGIN,
    SERIES,
    canonical_affine,
    chest,
    compress,
    set_pixels,
    write_enhanced,
    write_series,
)
from tfcovid.errors import InputError
from tfcovid.scans import read_scan


def names(scan):
    return [finding.name for finding in scan.findings]


def test_slices_lie_in_the_order_of_their_positions_and_not_of_their_names(tmp_path):
    hu = chest()
    files = write_series(tmp_path, hu)
    for index, file in enumerate(files):
        file.rename(tmp_path / f"{(index * 7) % 12:02d} 50% done")
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.voxels, hu)
    np.testing.assert_allclose(scan.affine, canonical_affine())
    assert scan.spacing == pytest.approx((2.5, 0.75, 0.625))
    assert scan.voxels.dtype == np.int16 and scan.units == "HU" and scan.findings == () and len(scan.sources) == 12


def test_slope_and_intercept_are_each_slice_s_own(tmp_path):
    hu = (chest() // 8) * 8

    def rescale(dataset, index):
        dataset.RescaleSlope, dataset.RescaleIntercept = (2, -8 * index) if index % 2 else ("0.5", "-1000.5")
        stored = (hu[index] - float(dataset.RescaleIntercept)) / float(dataset.RescaleSlope)
        set_pixels(dataset, stored.astype(np.int64))

    write_series(tmp_path, hu, rescale)
    np.testing.assert_array_equal(read_scan(tmp_path).hu, hu)


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({}, -2000),
        ({"RescaleIntercept": -1024, "PixelRepresentation": 1}, -2000),
        ({"PixelPaddingValue": -2048}, -2048),
        ({"PixelPaddingValue": 30000}, 30000),
        ({"PixelPaddingValue": 0, "PixelRepresentation": 1}, 0),
        ({"PixelPaddingValue": -32768, "PixelPaddingRangeLimit": -2000}, -5000),
    ],
)
def test_padding_becomes_minus_1024(tmp_path, fields, stored):
    hu = chest()
    outside = np.zeros(hu.shape, bool)
    outside[:, :3, :5] = outside[:, -3:, -5:] = True

    def pad(dataset, index):
        values = hu[index].astype(np.int64) - int(dataset.RescaleIntercept)
        set_pixels(dataset, np.where(outside[index], stored, values))

    hu[hu == 0] = 1
    write_series(tmp_path, hu, pad, **fields)
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.hu, np.where(outside, -1024, hu))
    assert names(scan) == ["padding"]


def test_a_padding_value_among_tissue_that_the_corners_do_not_show_is_reported_and_not_applied(tmp_path):
    hu = chest()
    write_series(tmp_path, hu, PixelPaddingValue=40)
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.hu, hu)
    assert names(scan) == ["odd-padding"]


def test_monochrome1_leaves_true_hu_alone_and_turns_inverted_values_round(tmp_path):
    hu = chest()
    write_series(tmp_path / "true", hu, PhotometricInterpretation="MONOCHROME1")
    scan = read_scan(tmp_path / "true")
    assert names(scan) == []
    np.testing.assert_array_equal(scan.hu, hu)

    def invert(dataset, index):
        set_pixels(dataset, 4095 - (hu[index].astype(np.int64) + 1024))

    kind = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, "RescaleIntercept": -1024}
    write_series(tmp_path / "inverted", hu, invert, PhotometricInterpretation="MONOCHROME1", **kind)
    scan = read_scan(tmp_path / "inverted")
    assert names(scan) == ["inverted-pixels"]
    np.testing.assert_array_equal(scan.hu, hu)


@pytest.mark.parametrize("encoded", [False, True])
def test_an_enhanced_multi_frame_file_is_a_whole_scan(tmp_path, encoded):
    hu = chest()
    scan = read_scan(write_enhanced(tmp_path / "enhanced", hu, encoded))
    np.testing.assert_array_equal(scan.hu, hu)
    np.testing.assert_allclose(scan.affine, canonical_affine())
    assert scan.findings == ()


def test_one_file_is_one_slice_and_takes_its_thickness_for_spacing(tmp_path):
    files = write_series(tmp_path, chest(), SliceThickness=5)
    scan = read_scan(files[3])
    assert scan.shape == (1, 40, 48) and scan.spacing == pytest.approx((5, 0.75, 0.625))
    assert names(scan) == ["too-few-slices"]


@pytest.mark.parametrize("keep", [0, 100, 700, -1])
def test_a_file_cut_short_is_named_and_left_out_only_if_allowed(tmp_path, keep):
    files = write_series(tmp_path, chest())
    files[-1].write_bytes(files[-1].read_bytes()[:keep])
    with pytest.raises(InputError, match=r"(truncated|unreadable)-file.*011\.dcm"):
        read_scan(tmp_path)
    scan = read_scan(tmp_path, allow=["truncated-file", "unreadable-file"])
    assert len(scan.voxels) == 11 and set(names(scan)) <= {"truncated-file", "unreadable-file"}


def test_compressed_pixels_cut_short_are_named(tmp_path):
    files = write_series(
        tmp_path, chest(), lambda d, _: compress(d, imagecodecs.jpegls_encode, "1.2.840.10008.1.2.4.80")
    )
    files[2].write_bytes(files[2].read_bytes()[:-30])
    with pytest.raises(InputError, match=r"truncated-file: 1 files end before their pixels do: 002\.dcm"):
        read_scan(tmp_path)


def test_a_damaged_header_is_named(tmp_path):
    files = write_series(tmp_path, chest())
    files[4].write_bytes(files[4].read_bytes().replace(b"-20.0\\", b"-2-.0\\"))
    with pytest.raises(InputError, match=r"unreadable-file: 1 files cannot be understood: 004\.dcm"):
        read_scan(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("HighBit", 3), ("Columns", 0), ("ImageOrientationPatient", [0, 0, 0, 0, 0, 0])]
)
def test_a_header_that_makes_no_sense_is_named(tmp_path, field, value):
    write_series(tmp_path, chest(), lambda dataset, index: index == 4 and setattr(dataset, field, value))
    with pytest.raises(InputError, match=r"unreadable-file: 1 files cannot be understood: 004\.dcm"):
        read_scan(tmp_path)


def test_files_that_are_no_images_are_left_alone(tmp_path):
    write_series(tmp_path / "deep" / "down", chest())
    (tmp_path / "notes.txt").write_text("read me")
    (tmp_path / ".hidden").write_text("no")
    report = Dataset()
    report.SOPClassUID, report.Modality = "1.2.840.10008.5.1.4.1.1.88.11", "SR"
    report.save_as(tmp_path / "report.dcm", implicit_vr=True, little_endian=True)
    scan = read_scan(tmp_path)
    assert scan.shape == (12, 40, 48)
    assert names(scan) == ["other-files", "other-files"]
    with pytest.raises(InputError, match="none of its 1 DICOM files holds an image"):
        read_scan(tmp_path / "report.dcm")


def test_the_patient_stays_out_unless_asked_for(tmp_path):
    write_series(tmp_path, chest())
    scan = read_scan(tmp_path)
    kept = repr(scan) + repr(scan.__dict__)
    assert not any(word in kept for word in ("Planted", "PLANTED-77", "20200229", SERIES))
    assert scan.identity is None and len(scan.key) == 16 and int(scan.key, 16)
    asked = read_scan(tmp_path, identity=True)
    assert asked.identity["PatientName"] == "Planted^Name" and asked.identity["StudyDate"] == "20200229"
    assert "Planted" not in repr(asked) and asked.key == scan.key


def test_gantry_tilt_keeps_its_shear_and_true_distance(tmp_path):
    hu = chest()
    write_series(tmp_path, hu, step=(0, 0.5, 2.5))
    scan = read_scan(tmp_path)
    assert names(scan) == ["gantry-tilt"] and "11.3 degrees" in str(scan.findings[0])
    np.testing.assert_allclose(scan.affine[:3, 2], [0, 0.5, 2.5])
    assert scan.spacing == pytest.approx((2.5, 0.75, 0.625))
    assert scan.affine[:3, 3] == pytest.approx(ORIGIN)
