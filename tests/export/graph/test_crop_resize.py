import numpy as np
import pytest
import tensorflow as tf

from tests.data_folder import needs_data
from tfcovid.export.graph.crop_resize import crop_resize
from tfcovid.preprocess import crop_resize as expected_pixels
from tfcovid.preprocess import lung_boxes


def resizing(in_graph, size):
    return in_graph(lambda hu, boxes: crop_resize(hu, boxes, size), tf.TensorSpec([None, 4], tf.int32))


def boxes_of(*sides):
    """Boxes of those heights and widths, at ever other places."""
    return np.array([[n, 2 * n, n + height, 2 * n + width] for n, (height, width) in enumerate(sides)], np.int32)


def test_pixels_are_those_of_preprocess_however_sides_shrink_and_grow(in_graph):
    size = 20, 24
    # In turn: both shrink, both grow, one of each, whole numbers of pixels to one (2 x 2, 3 x 2, 1 x 2), one pixel.
    sides = [(33, 57), (71, 25), (7, 9), (19, 60), (50, 3), (40, 48), (60, 48), (20, 48), (20, 24), (1, 1), (1, 60)]
    boxes = boxes_of(*sides)
    hu = np.random.default_rng(0).integers(-1100, 1500, (len(sides), 90, 100)).astype(np.int16)
    hu[3] = -32768
    hu[4] = 32767
    np.testing.assert_array_equal(resizing(in_graph, size)(hu, boxes), expected_pixels(hu, boxes, size))


def test_halves_are_rounded_as_opencv_rounds_them(in_graph):
    # Of 2 x 2 pixels up, of 1 x 2 to even.
    hu = np.tile(np.array([[0, 1], [1, 0]], np.int16), (1, 4, 4)) + np.arange(-4, 4, dtype=np.int16)[:, None] // 2
    hu = hu.reshape(1, 8, 8)
    for size in ((4, 4), (8, 4), (4, 8)):
        boxes = np.array([[0, 0, 8, 8]], np.int32)
        np.testing.assert_array_equal(resizing(in_graph, size)(hu, boxes), expected_pixels(hu, boxes, size))


def test_shares_below_a_thousandth_of_a_pixel_are_left_out(in_graph):
    hu = np.random.default_rng(0).integers(-32768, 32767, (1, 6, 1501)).astype(np.int16)
    boxes = np.array([[0, 0, 6, 1501]], np.int32)
    np.testing.assert_array_equal(resizing(in_graph, (4, 1500))(hu, boxes), expected_pixels(hu, boxes, (4, 1500)))


@needs_data
@pytest.mark.parametrize("size", [(128, 128), (512, 512)])
def test_crops_of_a_real_series_are_those_of_preprocess(in_graph, real_series, size):
    hu = real_series["covid_ct_md/P001_dicom"][::4]
    boxes, _ = lung_boxes(hu)
    np.testing.assert_array_equal(resizing(in_graph, size)(hu, boxes), expected_pixels(hu, boxes, size))


@needs_data
def test_intels_bilinear_growth_is_met_within_1_hu(in_graph, real_series):
    hu = real_series["covid_ct_md/P001_dicom"][::8]
    boxes, _ = lung_boxes(hu)
    difference = np.abs(resizing(in_graph, (512, 512))(hu, boxes) - expected_pixels(hu, boxes, (512, 512)))
    assert difference.max() <= 1 and np.mean(difference > 0) < 0.001
