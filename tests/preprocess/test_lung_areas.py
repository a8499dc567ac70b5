import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from benchmarks.lung_crop import literal_areas
from tests.data_folder import DATA, needs_data
from tfcovid.preprocess import from_8bit, lung_areas, select_slices, to_8bit
from tfcovid.scans import read_scan


def test_a_dark_hole_grows_by_the_filter_and_is_counted():
    pixels = np.full((3, 60, 60), 220, np.uint8)
    pixels[0, 20:30, 20:40] = 30  # enclosed: 14 x 24 after the 5 x 5 filter
    pixels[1, 20:30, :40] = 30  # open to the side
    assert lung_areas(pixels, body=None).tolist() == [14 * 24, 0, 0]


def test_a_hole_open_only_at_a_corner_is_enclosed():
    pixels = np.full((1, 20, 20), 200, np.uint8)
    pixels[0, :5, :5] = 0
    pixels[0, 5:8, 5:8] = 0
    assert lung_areas(pixels, minimum=1, body=None).tolist() == [9]


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    smooth=st.floats(0.6, 5),
    bright=st.floats(90, 140),
    seed=st.integers(0, 2**32 - 1),
)
def test_equal_to_the_literal_reading(height, width, smooth, bright, seed):
    noise = np.random.default_rng(seed).normal(size=(2, height, width)).astype(np.float32)
    blobs = np.stack([cv2.GaussianBlur(one, None, smooth) for one in noise])
    pixels = np.clip(bright + 60 * blobs / (blobs.std() + 1e-6), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(lung_areas(pixels), literal_areas(pixels))


@given(minimum=st.integers(1, 12), threshold=st.integers(1, 255), body_threshold=st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_filter_and_thresholds_follow_scipy(minimum, threshold, body_threshold):
    noise = np.random.default_rng(minimum).random((1, 40, 50)).astype(np.float32)
    pixels = np.clip(cv2.GaussianBlur(noise[0], None, 3) * 1500 - 620, 0, 255).astype(np.uint8)[None]
    body_map = ndimage.minimum_filter(pixels[0], minimum) >= threshold
    area = ndimage.binary_fill_holes(body_map).sum() - body_map.sum()
    assert lung_areas(pixels, minimum, threshold, body=None).tolist() == [area]
    # Crop and map have a threshold each; where they differ the crop must not leak into the map.
    same_crop = lung_areas(pixels, minimum, threshold, body=(1, body_threshold))
    top, left, bottom, right = ndimage_box(pixels[0] >= body_threshold)
    cropped = lung_areas(pixels[:, top:bottom, left:right], minimum, threshold, body=None)
    assert same_crop.tolist() == cropped.tolist()


def ndimage_box(body):
    box = []
    for present in (body.any(1), body.any(0)):
        runs = ndimage.find_objects(ndimage.label(present)[0])
        box.append(max(runs, key=lambda run: run[0].stop - run[0].start)[0] if runs else slice(0, len(present)))
    return box[0].start, box[1].start, box[0].stop, box[1].stop


def test_hu_are_seen_through_the_window():
    pixels = np.full((1, 60, 60), 220, np.uint8)
    pixels[0, 20:30, 20:40] = 30
    hu = from_8bit(pixels, -600, 1500)
    assert lung_areas(hu).tolist() == lung_areas(hu.astype(np.float32)).tolist() == lung_areas(pixels).tolist()
    # Through a soft-tissue window lung and its surroundings are alike black: no body, no hole.
    assert lung_areas(hu, window=(400, 200)).tolist() == [0]


@needs_data
def test_real_series():
    hu = read_scan(DATA / "volumes" / "covid_ct_md" / "P001_dicom").hu
    areas = lung_areas(hu)
    pixels = to_8bit(hu)
    np.testing.assert_array_equal(lung_areas(pixels, threads=1), areas)
    np.testing.assert_array_equal(literal_areas(pixels), areas)
    assert areas[[0, 74, 147]].tolist() == [4597, 65628, 666]
    assert select_slices(areas, 0.5) == (37, 111)
    assert select_slices(areas, 16) == (45, 61)


@pytest.mark.parametrize("threads", [1, 2, 9])
def test_threads_change_nothing(threads):
    random = np.random.default_rng(1).integers(0, 256, (5, 30, 30), np.uint8)
    np.testing.assert_array_equal(
        lung_areas(random, 2, 40, body=None, threads=threads), lung_areas(random, 2, 40, body=None)
    )
