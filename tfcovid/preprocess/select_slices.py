"""The run of slices that shows the most lung.

"Bag of Tricks of Hybrid Network for COVID-19 Detection of CT Scans" (Hsu et al., 2023), section 2.1,
equation 4.
"""

import math

import numpy as np

from tfcovid.errors import InputError


def select_slices(areas: np.ndarray, length: int | float) -> tuple[int, int]:
    """The window of neighbouring slices with the largest summed area.

    The paper allows up to n_c slices; as no area is negative, n_c of them are at least as good as fewer, and
    the window has exactly min(n_c, slices). Of equal windows the first is taken. A scan without any area says
    nothing about where its lungs are: it keeps its middle.

    Args:
        areas: (slices,), pixels, 0 or more, as `lung_areas` gives them.
        length: an int, the number of slices (n_c); or a float in (0, 1], the fraction of the scan, rounded up
            to whole slices. So 1 is one slice and 1.0 all of them.

    Returns:
        start, stop: slices [start, stop).

    Raises:
        InputError: no areas, a negative or NaN area, or a length that is neither.
    """
    areas = np.asarray(areas)
    if areas.ndim != 1 or not len(areas) or areas.dtype.kind not in "iuf" or not np.all(areas >= 0):
        raise InputError(
            f"One area a slice is needed, in pixels, 0 or more. Received: shape {areas.shape}, dtype {areas.dtype}"
        )
    count = min(_slice_count(length, len(areas)), len(areas))
    if not areas.any():
        start = (len(areas) - count) // 2
        return start, start + count
    # Whole pixels are summed as integers, so that equal windows stay equal.
    running = np.cumsum(areas, dtype=np.float64 if areas.dtype.kind == "f" else np.int64)
    running = np.concatenate([running[:1] * 0, running])
    start = int(np.argmax(running[count:] - running[:-count]))
    return start, start + count


def _slice_count(length: int | float, slices: int) -> int:
    if isinstance(length, int | np.integer) and not isinstance(length, bool) and length >= 1:
        return int(length)
    if isinstance(length, float | np.floating) and 0 < length <= 1:
        # 0.07 * 100 is a hair above 7 in binary: such a hair must not cost a slice.
        return max(1, math.ceil(round(float(length) * slices, 9)))
    raise InputError(
        "The length must be a whole number of slices, 1 or more, or a fraction above 0 and up to 1.0. "
        f"Received: {length!r}"
    )
