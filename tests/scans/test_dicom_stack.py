import numpy as np
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from tests.scans.chest import ORIGIN, SERIES, canonical_affine, chest, write_series
from tests.scans.peers import through_dcm2niix, through_itk
from tfcovid.errors import InputError
from tfcovid.scans import read_scan


def move(**to):
    """A change that puts slice `index` at z = to["z<index>"] slices."""

    def change(dataset, index):
        if (z := to.get(f"z{index}")) is not None:
            dataset.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + 2.5 * z]

    return change


def refused(folder, name):
    with pytest.raises(InputError, match=f"{name}:") as caught:
        read_scan(folder)
    assert str(caught.value).endswith(str(folder))
    return str(caught.value)


def test_missing_slices_stop_the_reading_and_say_where(tmp_path):
    files = write_series(tmp_path, chest())
    files[5].unlink()
    files[6].unlink()
    assert "2 after slice 5 of 10: 004.dcm to 007.dcm" in refused(tmp_path, "missing-slices")
    scan = read_scan(tmp_path, allow="missing-slices")
    assert len(scan.voxels) == 10 and scan.spacing[0] == pytest.approx(2.5)


def test_two_slices_in_one_place_stop_the_reading(tmp_path):
    hu = chest()
    write_series(tmp_path, hu, move(z7=6))
    assert "007.dcm" in refused(tmp_path, "duplicate-positions")
    scan = read_scan(tmp_path, allow=["duplicate-positions", "missing-slices"])
    np.testing.assert_array_equal(scan.voxels, np.delete(hu, 7, axis=0))


def test_uneven_spacing_is_reported_and_the_median_taken(tmp_path):
    write_series(tmp_path, chest(), move(z5=5.3))
    scan = read_scan(tmp_path)
    assert [f.name for f in scan.findings] == ["uneven-spacing"] and "1.75 to 3.25 mm" in scan.findings[0].message
    assert scan.spacing[0] == pytest.approx(2.5)


def test_positions_rounded_by_the_writer_are_even_and_their_mean_is_taken(tmp_path):
    def rounded(dataset, index):
        dataset.ImagePositionPatient = [*ORIGIN[:2], round(ORIGIN[2] + 1.2573 * index, 2)]

    write_series(tmp_path, chest(), rounded)
    scan = read_scan(tmp_path)
    assert scan.findings == () and scan.spacing[0] == pytest.approx(1.2573, abs=0.001)


def test_a_coronal_series_stops_the_reading_and_is_reordered_if_allowed(tmp_path):
    hu = chest()
    coronal = np.ascontiguousarray(hu[::-1].transpose(1, 0, 2))  # slices front to back, rows head to feet
    write_series(tmp_path, coronal, step=(0, 2, 0), ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    assert "coronal" in refused(tmp_path, "non-axial")
    scan = read_scan(tmp_path, allow=["non-axial"])
    np.testing.assert_array_equal(scan.hu, hu)
    np.testing.assert_array_equal(scan.restore(scan.hu), coronal)


def test_mixed_sizes_and_orientations_name_the_odd_files(tmp_path):
    hu = chest()
    write_series(tmp_path / "a", hu[:10])
    write_series(tmp_path / "a", chest()[:2, :20, :20], name="odd{}.dcm", step=(0, 0, 99), PatientAge="050Y")
    for file in (tmp_path / "a").glob("odd*"):  # other instances, not copies
        file.write_bytes(file.read_bytes().replace(b"3680043.10.1.", b"3680043.10.9."))
    assert "odd0.dcm" in refused(tmp_path / "a", "mixed-sizes")
    np.testing.assert_array_equal(read_scan(tmp_path / "a", allow=["mixed-sizes"]).hu, hu[:10])

    def turn(dataset, index):
        if index == 11:
            dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    write_series(tmp_path / "b", hu, turn)
    assert "011.dcm" in refused(tmp_path / "b", "mixed-orientation")
    np.testing.assert_array_equal(read_scan(tmp_path / "b", allow=["mixed-orientation"]).hu, hu[:11])


def test_slices_without_positions_stop_the_reading(tmp_path):
    hu = chest()
    write_series(tmp_path, hu, lambda dataset, _: delattr(dataset, "ImagePositionPatient"), SliceThickness=3)
    refused(tmp_path, "no-positions")
    scan = read_scan(tmp_path, allow=["no-positions"])
    np.testing.assert_array_equal(scan.hu, hu)
    assert scan.spacing[0] == pytest.approx(3)


def test_a_header_without_spacing_or_orientation_is_reported(tmp_path):
    def strip(dataset, _):
        del dataset.PixelSpacing, dataset.ImageOrientationPatient

    write_series(tmp_path, chest(), strip)
    scan = read_scan(tmp_path)
    assert {f.name for f in scan.findings} == {"no-spacing", "no-orientation"} and scan.spacing == (2.5, 1, 1)


def test_a_head_first_prone_series_comes_out_canonical(tmp_path):
    hu = chest()
    turned = np.ascontiguousarray(hu[:, ::-1, ::-1])
    write_series(tmp_path, turned, ImageOrientationPatient=[-1, 0, 0, 0, -1, 0], SeriesInstanceUID=SERIES)
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.hu, hu)
    np.testing.assert_array_equal(scan.restore(scan.hu), turned)
    far = canonical_affine()[:3, 3] - [47 * 0.625, 39 * 0.75, 0]
    np.testing.assert_allclose(scan.affine[:3, 3], far)


@pytest.mark.parametrize("angles", [(0, 0, 0), (20, 0, 0), (-15, 10, 30), (180, 5, 0), (0, 180, 8), (5, 0, 180)])
def test_oblique_and_turned_series_equal_simpleitk_and_dcm2niix(tmp_path, angles):
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    axes, step = np.round(turn[:, :2], 6), np.round(turn[:, 2] * 2.5, 6)
    folder = tmp_path / "dicom"
    write_series(folder, chest(), step=step, ImageOrientationPatient=axes.T.ravel().tolist())
    scan = read_scan(folder)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    voxels, affine = through_itk(reader.Execute())
    np.testing.assert_array_equal(scan.hu, voxels)
    np.testing.assert_allclose(scan.affine, affine, atol=1e-4)
    np.testing.assert_array_equal(scan.restore(scan.hu), chest())
    peer = read_scan(through_dcm2niix(folder, tmp_path))
    np.testing.assert_array_equal(scan.hu, peer.hu)
    np.testing.assert_allclose(scan.affine, peer.affine, atol=1e-3)


def test_cosines_rounded_by_the_writer_do_not_change_the_distances(tmp_path):
    write_series(tmp_path, chest(), ImageOrientationPatient=[0.97, 0.26, 0, -0.26, 0.97, 0])
    scan = read_scan(tmp_path)
    assert scan.spacing == pytest.approx((2.5, 0.75, 0.625)) and [f.name for f in scan.findings] == ["oblique"]


def test_a_negated_slice_normal_is_read_feet_to_head_all_the_same(tmp_path):
    hu = chest()
    mirrored = np.ascontiguousarray(hu[:, :, ::-1])  # columns left to right: the normal points to the feet
    write_series(tmp_path, mirrored, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.hu, hu)
    np.testing.assert_array_equal(scan.restore(scan.hu), mirrored[::-1])
