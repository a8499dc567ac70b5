import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.data_folder import DATA, needs_data
from tfcovid.export.graph.picture_levels import picture_levels
from tfcovid.export.graph.traced import traced
from tfcovid.scans import read_scan


@pytest.fixture(scope="module")
def levels():
    return traced(picture_levels, [tf.TensorSpec([], tf.string)])


def written(pixels, path, *options):
    cv2.imwrite(str(path), pixels, options)
    return path


def assert_read(levels, path):
    np.testing.assert_array_equal(levels(tf.constant(path.read_bytes())), read_scan(path).voxels[0])


def test_grey_colour_and_alpha_are_read_as_the_reader_does(levels, tmp_path):
    rng = np.random.default_rng(0)
    for n, shape in enumerate([(31, 40), (31, 40, 3), (31, 40, 4)]):
        assert_read(levels, written(rng.integers(0, 256, shape, np.uint8), tmp_path / f"{n}.png"))
    for n, shape in enumerate([(31, 40), (31, 40, 3)]):
        smooth = cv2.resize(rng.integers(0, 256, (4, 5, *shape[2:]), np.uint8), shape[1::-1])
        assert_read(levels, written(smooth, tmp_path / f"{n}.jpg"))


def test_what_is_no_picture_of_8_bits_is_refused_in_words(levels, tmp_path):
    deep = written(np.full((8, 9), 40000, np.uint16), tmp_path / "deep.png")
    other = written(np.zeros((8, 9), np.uint8), tmp_path / "other.bmp")
    for path in (deep, other):
        with pytest.raises(tf.errors.InvalidArgumentError, match="PNG or JPEG is read, with 8 bits a channel"):
            levels(tf.constant(path.read_bytes()))
    cut = written(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8), tmp_path / "whole.png").read_bytes()
    with pytest.raises(tf.errors.InvalidArgumentError):
        levels(tf.constant(cut[: len(cut) // 2]))


@needs_data
def test_real_pictures_are_read_as_the_reader_does(levels):
    files = sorted((DATA / "covid_ct").glob("CT_*/*"))[::12] + sorted((DATA / "slices3").rglob("*.png"))[::100]
    assert len(files) > 40
    for path in files:
        assert_read(levels, path)
