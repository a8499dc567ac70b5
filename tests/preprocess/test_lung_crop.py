import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.lung_crop import literal_boxes
from tests.data_folder import DATA, needs_data
from tfcovid.errors import InputError
from tfcovid.preprocess import lung_boxes
from tfcovid.scans import read_scan

AIR, TISSUE = -1000, 40


def body_with_lungs(*lungs, shape=(64, 80)):
    """A body of tissue with 4 pixels of air around it and lungs, as (top, left, bottom, right), in it."""
    hu = np.full(shape, AIR, np.int16)
    hu[4:-4, 4:-4] = TISSUE
    for top, left, bottom, right in lungs:
        hu[top:bottom, left:right] = -850
    return hu


def assert_as_literal(hu, margin=10):
    boxes, without_lung = lung_boxes(hu, margin)
    expected, expected_without = literal_boxes(hu, margin)
    np.testing.assert_array_equal(boxes, expected)
    np.testing.assert_array_equal(without_lung, expected_without)


def test_box_around_both_lungs_clipped_to_the_slice():
    hu = body_with_lungs((20, 15, 40, 30), (25, 45, 50, 62))[None]
    boxes, without_lung = lung_boxes(hu)
    assert boxes.dtype == np.int32 and boxes.tolist() == [[10, 5, 60, 72]] and not without_lung.any()
    assert lung_boxes(hu, margin=0)[0].tolist() == [[20, 15, 50, 62]]
    assert lung_boxes(hu, margin=25)[0].tolist() == [[0, 0, 64, 80]]


def test_a_gap_of_air_narrower_than_the_kernel_is_no_lung():
    hu = np.stack([body_with_lungs((20, 15, 40, 22)), body_with_lungs((20, 15, 40, 23))])
    boxes, without_lung = lung_boxes(hu, margin=0)
    assert without_lung.tolist() == [True, False]
    assert boxes.tolist() == [[0, 0, 64, 80], [20, 15, 40, 23]]


def test_air_at_the_edge_thinner_than_the_kernel_is_still_background():
    # A pocket of air that reaches the edge only through a strip of 5 columns: an opening that eroded at the
    # edge would take the strip away and leave the pocket as lung.
    hu = np.full((1, 40, 60), TISSUE, np.int16)
    hu[0, 10:20, :5] = AIR
    hu[0, 20:30, 1:20] = AIR
    assert lung_boxes(hu)[1].tolist() == [True]


def test_a_lung_cut_by_the_edge_goes_with_the_background():
    hu = np.stack([body_with_lungs((20, 0, 40, 30)), body_with_lungs((20, 0, 40, 30), (20, 40, 40, 60))])
    boxes, without_lung = lung_boxes(hu, margin=2)
    assert without_lung.tolist() == [True, False]
    assert boxes.tolist() == [[0, 0, 64, 80], [18, 38, 42, 62]]


def test_components_meet_diagonally():
    # Joined only by a corner to the air at the edge: with 8 neighbours that is background.
    hu = np.full((1, 30, 40), TISSUE, np.int16)
    hu[0, :10, :12] = AIR
    hu[0, 10:20, 12:24] = AIR
    assert lung_boxes(hu)[1].tolist() == [True]


def test_minus_300_itself_is_tissue():
    hu = body_with_lungs((20, 15, 40, 30))[None].astype(np.float32)
    hu[hu == -850] = -300
    assert lung_boxes(hu)[1].tolist() == [True]
    hu[hu == -300] = np.nextafter(np.float32(-300), np.float32(-301))
    assert lung_boxes(hu)[1].tolist() == [False]


def test_one_box_for_the_scan():
    hu = np.stack([body_with_lungs((20, 15, 40, 30)), body_with_lungs(), body_with_lungs((30, 40, 50, 55))])
    boxes, without_lung = lung_boxes(hu, margin=1, per_scan=True)
    assert without_lung.tolist() == [False, True, False]
    assert boxes.tolist() == [[19, 14, 51, 56]] * 3
    assert lung_boxes(hu[1:2], per_scan=True)[0].tolist() == [[0, 0, 64, 80]]


@settings(max_examples=300, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 40),
    air=st.sampled_from([0.3, 0.7, 0.85, 0.95]),
    margin=st.integers(0, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_equal_to_the_literal_reading_on_noise_of_any_size(height, width, air, margin, seed):
    random = np.random.default_rng(seed).random((2, height, width))
    assert_as_literal(np.where(random < air, AIR, TISSUE).astype(np.int16), margin)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), smooth=st.floats(0.5, 6))
def test_equal_to_the_literal_reading_on_blobs(seed, smooth):
    noise = np.random.default_rng(seed).normal(size=(3, 60, 75)).astype(np.float32)
    blobs = np.stack([cv2.GaussianBlur(one, None, smooth, 2 * smooth) for one in noise])
    assert_as_literal(blobs / blobs.std() * 400 - 300)


def test_threads_and_memory_order_change_nothing():
    noise = np.random.default_rng(0).normal(-300, 600, (7, 50, 60)).astype(np.float32)
    hu = np.stack([cv2.GaussianBlur(one, None, 3) * 8 + 2000 for one in noise]).astype(np.int16)
    boxes, without_lung = lung_boxes(hu, threads=1)
    assert len(np.unique(boxes, axis=0)) > 1
    for other in (hu, np.asfortranarray(hu), hu.astype(">i2")):
        for threads in (3, 50, None):
            np.testing.assert_array_equal(lung_boxes(other, threads=threads)[0], boxes)
            np.testing.assert_array_equal(lung_boxes(other, threads=threads)[1], without_lung)


@pytest.mark.parametrize(
    ("hu", "options", "says"),
    [
        (np.zeros((1, 9, 9), np.uint8), {}, "from_8bit.*uint8"),
        (np.zeros((1, 9, 9), np.uint16), {}, "uint16"),
        (np.full((1, 9, 9), np.nan), {}, "81 NaN"),
        (np.zeros((9, 9), np.int16), {}, r"\(slices, height, width\).*\(9, 9\)"),
        (np.zeros((0, 9, 9), np.int16), {}, "no pixels"),
        (np.zeros((1, 9, 9), np.int16), {"margin": -1}, "margin.*-1"),
        (np.zeros((1, 9, 9), np.int16), {"margin": 0.5}, "margin.*0.5"),
        (np.zeros((1, 9, 9), np.int16), {"threads": 0}, "threads 0"),
    ],
)
def test_refusals_name_the_fix(hu, options, says):
    with pytest.raises(InputError, match=says):
        lung_boxes(hu, **options)


@needs_data
def test_real_series():
    hu = read_scan(DATA / "volumes" / "covid_ct_md" / "P001_dicom").hu
    boxes, without_lung = lung_boxes(hu)
    assert not without_lung.any()
    assert {z: boxes[z].tolist() for z in (0, 74, 147)} == {
        0: [100, 101, 386, 459],
        74: [98, 50, 381, 453],
        147: [183, 212, 228, 258],
    }
    assert_as_literal(hu)


@needs_data
@pytest.mark.parametrize(
    ("file", "slices_without"),
    [
        ("cip_ct64/ct-64.nii.gz", 12),
        ("imlab_uiip_lungmask3d/id002-128x128x64.nii.gz", 9),  # -3024 outside the scanned circle
        ("totalsegmentator_cropped/ct_cropped.nii.gz", 56),  # lungs cut off by the edge
    ],
)
def test_real_volumes(file, slices_without):
    hu = read_scan(DATA / "volumes" / file).hu
    assert lung_boxes(hu)[1].sum() == slices_without
    assert_as_literal(hu)
