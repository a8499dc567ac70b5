"""The steps of SSFL's lung area on one slice, for people to look at."""

import cv2
import numpy as np
import scipy

from tfcovid.preprocess.body_box import body_box, minimum_kernel
from tfcovid.preprocess.eight_bit import to_8bit


def lung_area_steps(one: np.ndarray) -> dict[str, np.ndarray]:
    """What the steps of `lung_areas`, at its defaults, make of one slice, as figure 1 of SSFL shows them.

    The pixels of the last are the slice's area. `lung_areas` takes shorter ways to it.

    Args:
        one: (height, width), uint8 pixels or HU.

    Returns:
        In this order: "original" (height, width) and, of the body's rectangle in it, "cropped" and "filtered", all
        three uint8, and "map", "filled" and "lung", bool.

    Raises:
        InputError: neither 8-bit pixels nor HU, or not two axes.
    """
    top, left, bottom, right = body_box(np.asarray(one)[None])[0]
    grey = one if one.dtype == np.uint8 else to_8bit(one)
    cropped = grey[top:bottom, left:right]
    filtered = cv2.erode(np.ascontiguousarray(cropped), minimum_kernel(5))
    bright = filtered >= 100
    filled = scipy.ndimage.binary_fill_holes(bright)
    return {
        "original": grey,
        "cropped": cropped,
        "filtered": filtered,
        "map": bright,
        "filled": filled,
        "lung": filled & ~bright,
    }
