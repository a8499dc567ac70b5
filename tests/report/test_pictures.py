import cv2
import numpy as np

from tfcovid.report.pictures import grey_jpeg, heat_png, mask_png, picture_size
from tfcovid.scans import Scan


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_nothing_is_drawn_where_a_map_is_0_and_warm_is_one_colour_everywhere():
    weak, strong = (decoded(heat_png(np.array([[0, 0.25, top]], np.float32), (3, 1)))[0] for top in (0.5, 1.0))
    assert weak[0, 3] == 0 and (weak[1] == strong[1]).all()
    assert 0 < weak[1, 3] < weak[2, 3] < strong[2, 3] < 255
    blue, green, red, _ = strong[2].astype(int)
    assert red > green > blue


def test_the_best_quality_that_fits_is_taken():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    sizes = [len(grey_jpeg(noise, (0, 1), (64, 64), share)) for share in (1e9, 2500, 0)]
    assert sizes[0] > 2500 >= sizes[1] > sizes[2] > 0


def test_an_outline_is_a_line_within_the_label():
    mask = np.zeros((9, 9), np.uint8)
    mask[1:8, 1:8] = 1
    found = decoded(mask_png(mask, (9, 9), np.array([[0, 0, 0], [1, 2, 3]], np.uint8), outline=True))
    line = mask.astype(bool)
    line[3:6, 3:6] = False
    np.testing.assert_array_equal(found[..., 3] > 0, line)
    assert found[1, 1].tolist() == [3, 2, 1, 255]


def test_pixels_that_are_not_square_are_shown_in_proportion():
    scan = Scan.from_array(np.zeros((2, 30, 40), np.int16), (5.0, 2.0, 1.0))
    assert picture_size(scan, 512) == (27, 40) and picture_size(scan, 20) == (13, 20)
