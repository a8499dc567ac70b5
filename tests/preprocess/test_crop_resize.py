import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tfcovid.errors import InputError
from tfcovid.preprocess import crop_resize, paste


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(20, 60),
    st.integers(20, 60),
    st.integers(16, 150),
    st.integers(16, 150),
    st.booleans(),
)
def test_a_blob_comes_back_to_its_place(top, left, height, width, size_h, size_w, labels):
    boxes = np.array([[top, left, top + height, left + width]])
    image = np.zeros((1, 100, 100), np.float32)
    middle = top + height // 2, left + width // 2
    image[0, middle[0] - 4 : middle[0] + 4, middle[1] - 4 : middle[1] + 4] = 1
    crop = crop_resize(image, boxes, (size_h, size_w), labels=labels)
    assert crop.shape == (1, size_h, size_w) and crop.dtype == image.dtype
    back = paste(crop, boxes, (100, 100), labels=labels)
    moved = np.subtract(ndimage.center_of_mass(back[0]), ndimage.center_of_mass(image[0]))
    # An image within a pixel; a mask, which nothing interpolates, within a pixel of the coarser frame.
    coarser = np.maximum(1, [height / size_h, width / size_w]) if labels else 1
    assert (np.abs(moved) <= coarser).all()
    outside = np.ones((100, 100), bool)
    outside[top : top + height, left : left + width] = False
    assert not back[0][outside].any()


def test_each_slice_has_its_own_box():
    slices = np.arange(2 * 6 * 8, dtype=np.int16).reshape(2, 6, 8)
    crop = crop_resize(slices, np.array([[0, 0, 2, 3], [4, 5, 6, 8]]), (2, 3))
    np.testing.assert_array_equal(crop, np.stack([slices[0, :2, :3], slices[1, 4:, 5:]]))


def test_growing_is_bilinear_and_shrinking_is_the_mean():
    ramp = np.array([[[0, 8]]], np.float32)
    np.testing.assert_allclose(crop_resize(ramp, np.array([[0, 0, 1, 2]]), (1, 4)), [[[0, 2, 6, 8]]])
    # Stripes one pixel wide: bilinear would read two pixels of every four and alias; the mean is their grey.
    stripes = np.tile(np.array([0, 0, 0, 100], np.uint8), (1, 8, 4))
    assert (crop_resize(stripes, np.array([[0, 0, 8, 16]]), (2, 4)) == 25).all()
    # One side shrinks while the other grows: each is treated by itself.
    assert (crop_resize(stripes, np.array([[0, 0, 8, 16]]), (24, 4)) == 25).all()


def test_labels_keep_their_values_and_their_dtype():
    mask = np.zeros((1, 40, 40), np.int64)
    mask[0, 10:20, 10:20], mask[0, 20:30, 20:30] = 7, 255
    boxes = np.array([[5, 5, 35, 35]])
    crop = crop_resize(mask, boxes, 17, labels=True)
    assert crop.dtype == mask.dtype and set(np.unique(crop)) == {0, 7, 255}
    doubled = crop_resize(mask, boxes, 60, labels=True)
    np.testing.assert_array_equal(paste(doubled, boxes, (40, 40), labels=True), mask)
    assert crop_resize(mask > 0, boxes, 17, labels=True).dtype == bool
    # The pixel in the middle stands for its neighbours, not the first of them.
    assert crop_resize(np.array([[[1, 2, 3]]]), np.array([[0, 0, 1, 3]]), 1, labels=True).item() == 2


def test_paste_fills_the_rest():
    pasted = paste(np.ones((1, 3, 3), np.float32), np.array([[1, 2, 5, 4]]), (6, 6), fill=-1)
    assert pasted[0, 1:5, 2:4].tolist() == [[1, 1]] * 4 and (pasted == -1).sum() == 36 - 8


def test_big_endian_and_transposed_slices():
    slices = np.random.default_rng(0).integers(-1000, 1000, (3, 20, 30)).astype(np.int16)
    boxes = np.array([[2, 3, 18, 29]] * 3)
    expected = crop_resize(slices, boxes, 24)
    np.testing.assert_array_equal(crop_resize(slices.astype(">i2"), boxes, 24), expected)
    np.testing.assert_array_equal(crop_resize(np.asfortranarray(slices), boxes, 24), expected)


@pytest.mark.parametrize(
    ("slices", "boxes", "size", "says"),
    [
        (np.zeros((2, 9, 9), np.int16), [[0, 0, 9, 9]], 4, r"\(2, 4\) integers"),
        (np.zeros((1, 9, 9), np.int16), [[0.0, 0, 9, 9]], 4, "float64"),
        (np.zeros((1, 9, 9), np.int16), [[0, 0, 10, 9]], 4, r"box 0, \[0, 0, 10, 9\]"),
        (np.zeros((1, 9, 9), np.int16), [[4, 0, 4, 9]], 4, "box 0"),
        (np.zeros((1, 9, 9), np.int16), [[0, 0, 9, 9]], (4, 0), "size"),
        (np.zeros((1, 9, 9), np.int64), [[0, 0, 9, 9]], 4, "labels=True.*int64"),
        (np.zeros((9, 9), np.int16), [[0, 0, 9, 9]], 4, "axes"),
    ],
)
def test_refusals_name_the_fix(slices, boxes, size, says):
    with pytest.raises(InputError, match=says):
        crop_resize(slices, np.array(boxes), size)


def test_the_edges_of_a_map_can_be_carried_on_beyond_its_box():
    ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))[None]
    boxes = np.array([[2, 4, 10, 12]], np.int32)
    plain, wider = paste(ramp, boxes, (12, 16)), paste(ramp, boxes, (12, 16), beyond=1)
    np.testing.assert_allclose(wider[0, 2:10, 4:12], plain[0, 2:10, 4:12], atol=1e-6)
    # Two pixels wide are the pixels of the map, and the picture ends at row 12.
    np.testing.assert_array_equal(wider[0, 5, 2:4], [0, 0])
    np.testing.assert_array_equal(wider[0, 5, 12:], [3, 3, 0, 0])
    assert wider[0, :12, 12].tolist() == [3] * 12
