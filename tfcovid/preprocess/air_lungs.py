"""Lungs by their air: a rough mask for a scan that no segmenter has read."""

import cv2
import numpy as np

from tfcovid.preprocess.body_mask import body_mask
from tfcovid.preprocess.bounding_box import bounding_box
from tfcovid.preprocess.grey_body import grey_body
from tfcovid.preprocess.hounsfield import require_hu
from tfcovid.preprocess.largest_components import largest_components
from tfcovid.preprocess.slice_threads import on_runs_of_slices
from tfcovid.preprocess.split_lungs import split_lungs

_AIR_HU = -400
_COLUMNS = 192  # of the grid that is searched, or up to twice as many
_CLOSED_MM = 15.0
_LEAST = 0.02  # of the body: in a picture of grey levels what is smaller is no lung but what was left of one


def air_lungs(
    hu: np.ndarray,
    spacing: tuple[float, float, float],
    *,
    body: np.ndarray | None = None,
    eight_bit: bool = False,
    threads: int | None = None,
) -> np.ndarray:
    """Left and right lung, good enough for a share of them, not for a volume.

    Lung is what has less than -400 HU within the body; gaps and dents up to 15 mm are closed and holes filled, slice by
    slice, so that vessels and lesions count. Worked out on every second, third, ... pixel of fine images. Consolidation
    that is larger and lies against the chest wall is missing from it, and a large part of a collapsed lung; windpipe
    and gas in the bowel may be in it, where they have a twentieth of the larger lung's volume or touch it.

    Args:
        hu: (slices, height, width), HU; int16 or float.
        spacing: mm (slice, row, column).
        body: `body_mask` of the same slices, where it is at hand.
        eight_bit: they were 8-bit grey levels, whose window is a guess: lung is what `tfcovid.preprocess.grey_body`
            finds dark, none where it finds no body, and a side with less than 2 % of the body is no lung.

    Returns:
        uint8 of the same shape: 1 left lung, 2 right lung, 0 elsewhere; all 0 where no lung is found.

    Raises:
        InputError: not HU (8-bit, unsigned, NaN), not three axes, or no pixels.
    """
    hu = require_hu(hu, ndim=3)
    step = max(1, hu.shape[2] // _COLUMNS)
    coarse = hu[:, ::step, ::step]
    body = body_mask(coarse, eight_bit=eight_bit, threads=threads) if body is None else body[:, ::step, ::step]
    air = np.array(on_runs_of_slices(_dark, coarse, threads)) if eight_bit else coarse < _AIR_HU
    lungs = largest_components(air & body)
    spacing = (spacing[0], spacing[1] * step, spacing[2] * step)
    kernel = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, tuple(1 + 2 * round(_CLOSED_MM / 2 / mm) for mm in spacing[:0:-1])
    )
    sides = split_lungs(lungs, spacing)
    closed = np.zeros_like(sides)
    for side in (1, 2):
        for one, inside, out in zip(sides, body, closed, strict=True):
            if (one == side).any():
                out[_filled(one == side, kernel) & inside & (out == 0)] = side
        if eight_bit and (closed == side).sum() < _LEAST * body.sum():
            closed[closed == side] = 0
    whole = np.zeros(hu.shape, np.uint8)
    slices, rows, columns = bounding_box(closed > 0)
    part = whole[slices, rows.start * step : rows.stop * step, columns.start * step : columns.stop * step]
    # The last block may reach beyond the image.
    part[:] = closed[slices, rows, columns].repeat(step, 1).repeat(step, 2)[:, : part.shape[1], : part.shape[2]]
    return whole


def _dark(slices: np.ndarray) -> list[np.ndarray]:
    return [grey_body(one)[1] for one in slices]


def _filled(mask: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(closed, outlines, -1, 1, cv2.FILLED).view(bool)
