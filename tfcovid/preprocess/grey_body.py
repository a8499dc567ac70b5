"""The body in a picture of a slice whose window nobody wrote down."""

import cv2
import numpy as np

from tfcovid.preprocess.edge_hull_share import edge_hull_share

_PLATE = 1 / 100  # of the width: what is thinner, as the shell of a table, is no body
_AROUND = 0.9  # of a component lies within the hull of its edge pixels: air about a body; of cut-off lungs up to 0.87
_SMALLEST, _SOLID = 0.2, 0.9  # a body's share of the picture, and of its own hull
_ATTEMPTS = 2
_SPREAD = 16  # of 255 levels from the 2nd to the 98th percentile: a bright row or column with less is a frame
_BLUR = 4  # pixels into which a frame can be smeared


def grey_body(slice_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The body, and the dark parts of it: lungs and gas.

    Grey levels tell bright from dark, not air from lung: in a lung window lungs are dark grey, in a soft-tissue window
    they are as black as air, and fat nearly so. So the threshold is Otsu's ("A Threshold Selection Method from
    Gray-Level Histograms", 1979), and outside is what lies between the body and the edge by its shape, see
    `edge_hull_share`, and a plain bright frame about the picture. What then remains is no body if it fills less than
    20 % of the picture or 90 % of its own hull: fat or a thin chest wall was taken for air, and Otsu's threshold of the
    dark part is tried in turn.

    Args:
        slice_: (height, width), grey levels of any scale.

    Returns:
        Two (height, width), bool: body, and what of it is dark. Where no body is found, all True and all False.
    """
    levels = cv2.normalize(slice_.astype(np.float32), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    body, dark = np.ones(levels.shape, bool), np.zeros(levels.shape, bool)
    picture = _without_frame(levels)
    inner = levels[picture]
    side = 1 + 2 * round(inner.shape[1] * _PLATE / 2)  # an even one would shift what it opens
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    sample = inner
    for _ in range(_ATTEMPTS):
        level = cv2.threshold(sample.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)[0]
        air, low = _around(inner > level, kernel)
        found = _largest(~air)
        if found.mean() >= _SMALLEST and found.sum() >= _SOLID * _hull(found).sum():
            body[:] = False
            body[picture], dark[picture] = found, low & found
            break
        sample = inner[inner <= level]
    return body, dark


def _without_frame(levels: np.ndarray) -> tuple[slice, slice]:
    bright = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0]
    ends = []
    for axis in (1, 0):
        low, high = np.percentile(levels, [2, 98], axis=axis)
        inner = np.flatnonzero((low <= bright) | (high - low > _SPREAD))
        ends.append((inner[0], inner[-1] + 1) if len(inner) else (0, len(low)))
    (top, bottom), (left, right) = ends
    rows, columns = _first_last(top, bottom), _first_last(left, right)
    airy = [np.median(levels[row, column]) <= bright for row in rows for column in columns]
    if sum(airy) < 3:  # of four corners: no frame about air, but a chest wall as white as one
        return slice(None), slice(None)
    return slice(top, bottom), slice(left, right)


def _first_last(start: int, stop: int) -> tuple[slice, slice]:
    return np.s_[start : start + _BLUR], np.s_[stop - _BLUR : stop]


def _around(bright: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The air around the body, and all else that is dark."""
    tissue = cv2.morphologyEx(bright.view(np.uint8), cv2.MORPH_OPEN, kernel)
    found, number = cv2.connectedComponents(1 - tissue, connectivity=4, ltype=cv2.CV_16U)
    air = np.zeros(found, bool)
    edge = np.unique(np.concatenate([number[0], number[-1], number[:, 0], number[:, -1]]))
    for n in edge[edge > 0]:
        air[n] = edge_hull_share(number == n) >= _AROUND
    return air[number], (number > 0) & ~air[number]


def _largest(mask: np.ndarray) -> np.ndarray:
    found, number, statistics, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return mask if found == 1 else number == 1 + statistics[1:, cv2.CC_STAT_AREA].argmax()


def _hull(mask: np.ndarray) -> np.ndarray:
    drawn = np.zeros(mask.shape, np.uint8)
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.fillConvexPoly(drawn, cv2.convexHull(np.concatenate(outlines)), 1) if outlines else drawn
