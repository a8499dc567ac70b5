"""The lung area of a slice: what SSFL slice selection ranks slices by.

"Bag of Tricks of Hybrid Network for COVID-19 Detection of CT Scans" (Hsu et al., 2023), section 2.1,
equations 1 to 3. The paper speaks of filling by "binary dilation"; its public code fills the holes, as here.
"""

import cv2
import numpy as np

from tfcovid.preprocess.body_box import body_rectangle, lowest_value, minimum_kernel, require_slices
from tfcovid.preprocess.clear_edge import clear_edge
from tfcovid.preprocess.slice_threads import on_runs_of_slices


def lung_areas(
    slices: np.ndarray,
    minimum: int = 5,
    threshold: int = 100,
    *,
    body: tuple[int, int] | None = (10, 100),
    window: tuple[float, float] = (-600.0, 1500.0),
    threads: int | None = None,
) -> np.ndarray:
    """Pixels of lung in each slice: the dark ones that the body encloses.

    Cropped to the body, minimum filter, map = 1 at or above `threshold`, holes filled; the area is what the
    filling added. Windpipe and bowel gas count too, as in the paper.

    Args:
        slices: (slices, height, width); uint8 pixels as lung windows show them, or HU, which are seen through
            `window` as 8-bit pixels, so that the thresholds mean the same.
        minimum: side of the minimum filter in pixels (the paper's k).
        threshold: the lowest 8-bit level of the map (the paper's t).
        body: minimum filter and threshold of the crop (`body_box`); None for slices cropped before.
        window: centre and width in HU; without effect on 8-bit slices.
        threads: as many slices at once; None takes the cores at hand. The areas do not depend on it.

    Returns:
        (slices,), int64, pixels.

    Raises:
        InputError: neither 8-bit pixels nor HU, not three axes, NaN, or a filter or threshold out of range.
    """
    slices = require_slices(slices)
    lowest, kernel = lowest_value(slices.dtype, threshold, window), minimum_kernel(minimum)
    if body is not None:
        body_kernel, body_lowest = minimum_kernel(body[0]), lowest_value(slices.dtype, body[1], window)

    def areas(run: np.ndarray) -> list[int]:
        height, width = run.shape[1:]
        bright, filtered = np.empty((2, height, width), np.uint8)
        ringed = np.empty((height + 2, width + 2), np.uint8)
        found = []
        for one in run:
            box = 0, 0, height, width
            if body is not None:
                np.greater_equal(one, body_lowest, out=bright.view(bool))
                box = body_rectangle(bright, body_kernel, filtered)
            if body is None or body_lowest != lowest:
                np.greater_equal(one, lowest, out=bright.view(bool))
            top, left, bottom, right = box
            dark_ringed = ringed[: bottom - top + 2, : right - left + 2]
            dark = dark_ringed[1:-1, 1:-1]
            cv2.erode(bright[top:bottom, left:right], kernel, dst=dark)
            np.subtract(1, dark, out=dark)
            # A hole cannot be left by steps up, down or sideways, as in SciPy's binary_fill_holes.
            found.append(cv2.countNonZero(clear_edge(dark_ringed, connectivity=4)))
        return found

    return np.array(on_runs_of_slices(areas, slices, threads), np.int64)
