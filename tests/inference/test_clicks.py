import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.data_folder import DATA, needs_data
from tests.scans.chest import chest
from tfcovid.errors import InputError
from tfcovid.inference.clicks import Clicks
from tfcovid.preprocess import resample
from tfcovid.scans import Scan, read_scan
from tfcovid.scans.orientation import Frame, spacing_of

TO_RAS = np.diag([-1.0, -1, 1, 1])
angles = st.floats(-25, 25)


def scan_of(array, affine, slices_first):
    """A scan of a file's own array whose axes the affine leads to LPS+ mm."""
    frame = Frame.nearest(array.shape, affine, slices_first)
    to_world = frame.canonical_affine()
    return Scan(frame.canonical(array), spacing_of(to_world), to_world, "HU", "key", frame=frame)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), angles, angles, angles, st.booleans(), st.data())
def test_a_click_is_the_voxel_it_was_on_in_every_frame(order, flips, x, y, z, slices_first, data):
    random = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    shape = tuple(random.integers(2, 6, 3))
    turned = Rotation.from_euler("xyz", [x, y, z], degrees=True).as_matrix() * random.uniform(0.5, 5, 3)
    affine = np.eye(4)
    affine[:3, :3] = (turned * np.where(flips, -1, 1))[:, order]
    affine[:3, 3] = random.uniform(-300, 300, 3)
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    scan = scan_of(array, affine, slices_first)

    own = np.argwhere(array >= 0)
    written = own if slices_first else own[:, ::-1]
    mm = own @ affine[:3, :3].T + affine[:3, 3]
    by_voxel = Clicks.of(scan, written, written[:2])
    for clicks in (by_voxel, Clicks.of(scan, mm, mm[:2], "lps"), Clicks.of(scan, mm * [-1, -1, 1], (), "ras")):
        places = np.round(clicks.positive).astype(int)
        np.testing.assert_allclose(clicks.positive, places, atol=1e-9)
        np.testing.assert_array_equal(scan.voxels[tuple(places.T)], array.ravel())
    np.testing.assert_array_equal(by_voxel.negative, by_voxel.positive[:2])
    np.testing.assert_allclose(by_voxel.mm(scan)[0], mm, atol=1e-9)
    np.testing.assert_allclose(by_voxel.mm(scan)[1], mm[:2], atol=1e-9)


@needs_data
def test_a_click_on_a_real_dicom_series_is_on_that_pixel_and_in_that_place():
    folder = DATA / "volumes" / "covid_ct_md" / "P001_dicom"
    scan = read_scan(folder)
    files = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    files.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    k, j, i = len(files) // 3, 200, 130
    (place,) = Clicks.of(scan, [(k, j, i)]).positive.astype(int)
    one = files[k]
    hu = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(one.filename)))[0]
    assert scan.hu[tuple(place)] == hu[j, i] != hu[i, j]

    along_row, along_column = np.reshape(np.float64(one.ImageOrientationPatient), (2, 3))
    between_rows, between_columns = one.PixelSpacing
    mm = one.ImagePositionPatient + along_row * between_columns * i + along_column * between_rows * j
    np.testing.assert_allclose(Clicks.of(scan, [(k, j, i)]).mm(scan)[0], [mm], atol=0.01)
    np.testing.assert_allclose(Clicks.of(scan, [mm], space="lps").positive, [place], atol=0.02)


def test_a_click_on_nifti_is_the_files_own_k_j_i_and_ras_what_its_header_says(tmp_path):
    hu = chest()
    array = np.flip(hu.transpose(2, 0, 1), 1)  # columns, slices head to feet, rows
    affine = np.float64([[-0.6, 0, 0, 14], [0, 0, -0.7, 9], [0, -2.5, 0, 60], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / "scan.nii")
    scan = read_scan(tmp_path / "scan.nii")
    i, j, k = 30, 2, 17
    for clicks in (
        Clicks.of(scan, [(k, j, i)]),
        Clicks.of(scan, [(affine @ [i, j, k, 1])[:3]], space="ras"),
        Clicks.of(scan, [(TO_RAS @ affine @ [i, j, k, 1])[:3]], space="lps"),
    ):
        np.testing.assert_allclose(clicks.positive, [(hu.shape[0] - 1 - j, k, i)], atol=1e-4)
    assert scan.hu[hu.shape[0] - 1 - j, k, i] == array[i, j, k]


def test_the_working_grid_of_resample_has_the_click_at_the_same_place():
    """A ramp along each axis says where a voxel came from; half a voxel at the edge is out of its reach."""
    shape, spacing = (20, 33, 41), (3.0, 0.7, 0.9)
    clicks = Clicks([(5, 20, 12), (14.25, 9.5, 30)], [(2, 3, 4)])
    for axis in range(3):
        ramp = np.broadcast_to(np.arange(shape[axis], dtype="float32").reshape(np.roll([-1, 1, 1], axis)), shape)
        for wanted in (1.5, 2.2):
            working, _ = resample(ramp, spacing, [wanted] * 3)
            along = np.moveaxis(working, axis, 0)[:, 0, 0]
            for clicked, found in zip(
                (clicks.positive, clicks.negative), clicks.to_working(shape, working.shape), strict=True
            ):
                back = np.interp(found[:, axis], np.arange(len(along)), along)
                np.testing.assert_allclose(back, clicked[:, axis], atol=0.15)
    np.testing.assert_array_equal(clicks.to_working((4, 4, 4), (4, 8, 2))[1], [(2, 6.5, 1.75)])


@pytest.fixture
def scan():
    """Its file is NIfTI-like: (i, j, k) of (5, 4, 3) voxels of 1, 2 and 10 mm; the corner voxel lies at the origin."""
    return scan_of(np.zeros((5, 4, 3), np.int16), np.diag([1.0, 2, 10, 1]), slices_first=False)


@pytest.mark.parametrize(
    ("space", "point", "valid"),
    [
        ("voxel", (3, 0, 0), "k 0 to 2, j 0 to 3, i 0 to 4. Received: k,j,i = 3,0,0"),
        ("voxel", (0, 0, -0.6), "k 0 to 2, j 0 to 3, i 0 to 4. Received: k,j,i = 0,0,-0.6"),
        ("lps", (4.6, 0, 0), "x -0.5 to 4.5, y -1.0 to 7.0, z -5.0 to 25.0 mm (LPS). Received: x,y,z = 4.6,0,0"),
        ("ras", (0, 1.5, 0), "x -4.5 to 0.5, y -7.0 to 1.0, z -5.0 to 25.0 mm (RAS). Received: x,y,z = 0,1.5,0"),
    ],
)
def test_a_click_outside_is_told_the_range_in_its_own_space(scan, space, point, valid):
    with pytest.raises(InputError) as error:
        Clicks.of(scan, [(0, 0, 0)], [point], space)
    assert str(error.value) == f"this negative click lies outside the scan, which has {valid}"


def test_the_edge_of_the_last_voxel_is_inside(scan):
    np.testing.assert_array_equal(Clicks.of(scan, [(2.5, -0.5, 4.5)]).positive, [(2.5, -0.5, 4.5)])
    np.testing.assert_array_equal(Clicks.of(scan, [(4.5, 7, 25)], space="lps").positive, [(2.5, 3.5, 4.5)])


@pytest.mark.parametrize("points", [[(1, 2)], [(1, 2, np.nan)], [("a", "b", "c")], (1, 2, 3), None, [(1, 2, 3), (1,)]])
def test_points_that_are_not_three_finite_numbers(scan, points):
    with pytest.raises(InputError, match="negative clicks are points of three finite numbers each"):
        Clicks.of(scan, negative=points)


def test_a_space_that_is_none(scan):
    with pytest.raises(InputError, match="Received: 'world'"):
        Clicks.of(scan, [(0, 0, 0)], space="world")


def test_clicks_join_and_are_held_against_a_shape():
    clicks = Clicks([(0, 0, 0)]) + Clicks([(1, 2, 3)], [(1, 1, 1)]) + Clicks()
    np.testing.assert_array_equal(clicks.positive, [(0, 0, 0), (1, 2, 3)])
    assert clicks.count == 3 and Clicks().count == 0 and Clicks().negative.shape == (0, 3)
    clicks.require_inside((2, 3, 4))
    with pytest.raises(InputError) as error:
        clicks.require_inside((2, 3, 3))
    assert str(error.value) == (
        "this positive click lies outside the scan, which has slice 0 to 1, row 0 to 2, column 0 to 2. "
        "Received: slice, row, column = 1, 2, 3"
    )
