"""Where in a slice a lesion map may show: the lungs, and a few mm around them."""

import cv2
import numpy as np

from tfcovid.errors import InputError
from tfcovid.preprocess.slice_threads import on_runs_of_slices

REACH_MM = 5.0  # beyond the lungs everything is 0
_FADE_MM = 3.0  # over which it falls from 1
# Consolidation at the wall and vessels at the hilum are cut out of lungs found by their air: gaps up to twice this are
# closed.
_CLOSE_MM = 20.0
_HOLE_MM2 = 2500.0  # larger ones, as the mediastinum between lungs that meet before and behind it, are none of a lung
_CHEST_MM = 350.0  # width of a picture that does not say how large its pixels are


def lung_region(lungs: np.ndarray, spacing: tuple[float, float] | None, threads: int | None = None) -> np.ndarray:
    """Return how much of a map is shown at each pixel: all of it in the lungs, nothing farther than 5 mm from them.

    Slice by slice, gaps in the lungs are closed and holes up to 25 cm2 filled, since lesions look less like air than
    lungs do. From 2 mm to 5 mm the share falls evenly, so that no outline of its own shows.

    Args:
        lungs: `(slices, height, width)` bool.
        spacing: mm between rows and between columns; None takes the picture for 350 mm wide.
        threads: as many slices at once; None takes the cores at hand.

    Returns:
        `(slices, height, width)` uint8, 255 for all of the map.

    Raises:
        InputError: no mask of slices.
    """
    if lungs.ndim != 3 or lungs.dtype != bool:
        raise InputError(f"lungs are (slices, height, width), bool. Received: shape {lungs.shape}, dtype {lungs.dtype}")
    mm = float(np.mean(spacing)) if spacing else _CHEST_MM / lungs.shape[2]
    margin = round((2 * _CLOSE_MM + REACH_MM) / mm) + 2

    def regions(slices: np.ndarray) -> list[np.ndarray]:
        return [_region(lung, mm, margin) for lung in slices]

    return np.array(on_runs_of_slices(regions, lungs, threads), np.uint8)


def _region(lung: np.ndarray, mm: float, margin: int) -> np.ndarray:
    region = np.zeros(lung.shape, np.uint8)
    rows, columns = (np.flatnonzero(lung.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return region
    # Nothing changes farther away, and most of a slice is far from lungs.
    top, left = rows[0] - margin, columns[0] - margin
    near = np.pad(lung[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], margin)
    # By distances, which take as long for any reach.
    wide = (_mm_from(near, mm) <= _CLOSE_MM).view(np.uint8)
    closed = (_mm_from(wide == 0, mm) > _CLOSE_MM).view(np.uint8)
    _, gaps, statistics, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4, ltype=cv2.CV_16U)
    small = statistics[:, cv2.CC_STAT_AREA] * mm**2 < _HOLE_MM2
    small[[0, gaps[0, 0]]] = False  # the lungs, and what lies around them
    closed |= small[gaps].view(np.uint8)
    shown = np.rint(255 * np.clip((REACH_MM - _mm_from(closed == 1, mm)) / _FADE_MM, 0, 1)).astype(np.uint8)
    shown = shown[max(0, -top) :, max(0, -left) :][: len(region) - max(0, top), : region.shape[1] - max(0, left)]
    region[max(0, top) :, max(0, left) :][: shown.shape[0], : shown.shape[1]] = shown
    return region


def _mm_from(mask: np.ndarray, mm: float) -> np.ndarray:
    """Return the distance of each pixel from the mask."""
    return mm * cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
