"""The body's rectangle in a slice: the first step of SSFL slice selection.

"Bag of Tricks of Hybrid Network for COVID-19 Detection of CT Scans" (Hsu et al., 2023), section 2.1. The
paper names the step without its operations; those here are the ones of its public code.
"""

import math

import cv2
import numpy as np

from tfcovid.errors import InputError
from tfcovid.preprocess.eight_bit import level_in_hu
from tfcovid.preprocess.hounsfield import require_hu
from tfcovid.preprocess.slice_threads import on_runs_of_slices


def body_box(
    slices: np.ndarray,
    minimum: int = 10,
    threshold: int = 100,
    *,
    window: tuple[float, float] = (-600.0, 1500.0),
    threads: int | None = None,
) -> np.ndarray:
    """The body's rectangle, slice by slice.

    Minimum filter; a pixel at or above `threshold` is body; the longest unbroken run of rows that hold body,
    and the longest of columns (the first of equals).

    Args:
        slices: (slices, height, width); uint8 pixels, or HU, which are seen through `window` as 8-bit pixels.
        minimum: side of the minimum filter in pixels.
        threshold: the lowest 8-bit level of the body.
        window: centre and width in HU; without effect on 8-bit slices.
        threads: as many slices at once; None takes the cores at hand.

    Returns:
        (slices, 4), int32: top, left, bottom, right in pixels, bottom and right exclusive. The whole slice
        where there is no body.

    Raises:
        InputError: neither 8-bit pixels nor HU, not three axes, NaN, or a filter or threshold out of range.
    """
    slices = require_slices(slices)
    lowest = lowest_value(slices.dtype, threshold, window)
    kernel = minimum_kernel(minimum)

    def boxes(run: np.ndarray) -> list[tuple[int, int, int, int]]:
        bright = np.empty(run.shape[1:], bool)
        return [body_rectangle(np.greater_equal(one, lowest, out=bright).view(np.uint8), kernel) for one in run]

    return np.array(on_runs_of_slices(boxes, slices, threads), np.int32)


def body_rectangle(
    bright: np.ndarray, kernel: np.ndarray, filtered: np.ndarray | None = None
) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the body in one slice.

    Args:
        bright: (height, width), uint8: 1 where the slice reaches the threshold. A minimum filter and a
            threshold may change places, and on 0 and 1 what follows is cheaper.
        kernel: as `minimum_kernel` gives it.
        filtered: (height, width), uint8: memory to work in.
    """
    body = cv2.erode(bright, kernel, dst=filtered).view(bool)
    top, bottom = _longest_run(body.any(axis=1))
    left, right = _longest_run(body.any(axis=0))
    if top == bottom:
        return 0, 0, *bright.shape
    return top, left, bottom, right


def minimum_kernel(size: int) -> np.ndarray:
    """A kernel that makes `cv2.erode` a minimum filter over size x size pixels.

    It reaches from size // 2 before a pixel on, as SciPy's does. OpenCV leaves out what lies outside the
    image; SciPy reflects, which only repeats pixels that the window holds already: the same minimum.
    """
    if not isinstance(size, int | np.integer) or size < 1:
        raise InputError(f"The minimum filter must be 1 pixel wide or more. Received: {size!r}")
    return np.ones((size, size), np.uint8)


def lowest_value(dtype: np.dtype, threshold: int, window: tuple[float, float]) -> int | float:
    """What a pixel of `dtype`, 8-bit or HU, must be at least to reach the 8-bit level `threshold`."""
    if not 0 < threshold <= 255:
        raise InputError(f"The threshold must be an 8-bit level from 1 to 255. Received: {threshold}")
    if dtype == np.uint8:
        return threshold
    lowest = level_in_hu(threshold, *window)
    return math.ceil(lowest) if dtype.kind == "i" else lowest


def require_slices(slices: np.ndarray) -> np.ndarray:
    """(slices, height, width) of 8-bit pixels or HU, or an InputError that says what else it was."""
    slices = np.asarray(slices)
    if slices.dtype != np.uint8:
        return require_hu(slices, ndim=3)
    if slices.ndim != 3 or slices.size == 0:
        raise InputError(
            f"8-bit slices must have the axes (slices, height, width), one grey channel. Received: shape {slices.shape}"
        )
    return slices


def _longest_run(present: np.ndarray) -> tuple[int, int]:
    """(start, stop) of the longest run of True, the first of equals; (0, 0) where there is none."""
    changes = np.flatnonzero(np.diff(present, prepend=False, append=False))
    starts, stops = changes[::2], changes[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest])
