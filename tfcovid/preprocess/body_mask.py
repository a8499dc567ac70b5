"""The patient's body in every slice, without the table and the air around it."""

from functools import partial

import cv2
import numpy as np

from tfcovid.preprocess.edge_hull_share import edge_hull_share
from tfcovid.preprocess.grey_body import grey_body
from tfcovid.preprocess.hounsfield import require_hu
from tfcovid.preprocess.slice_threads import on_runs_of_slices

_TISSUE_HU = -400
# Medians: healthy lung has -770 to -850, air -990, and the air in and about a table's foam -880 to -970.
_AIR_HU, _CORNER_HU = -930, -860
_AROUND = 0.9  # of a component's pixels, see `edge_hull_share`; lung that reaches a corner has less
_COLUMNS = 256  # of the grid that is searched, or up to twice as many: an outline needs no more
_PLATE = 1 / 100  # of the width: what is thinner, as the shell of a table, is no body


def body_mask(hu: np.ndarray, *, eight_bit: bool = False, threads: int | None = None) -> np.ndarray:
    """The body in each slice, its lungs and all other holes filled.

    Tissue is what has -400 HU or more, opened so that thin plates go. Air around the body is what hangs together with
    the image's edge and has a median below -930 HU, or below -860 HU if it reaches a corner and keeps within the convex
    hull of its edge pixels, as the foam of a table does: a lung that a narrow field of view cuts off stays. Of the rest
    the largest component is the body. A slice that shows no air around a body, as a picture cut to it, is body
    throughout. Known limits: arms beside the chest are left out, and a table without a gap to the back is not.

    Args:
        hu: (slices, height, width), HU; int16 or float.
        eight_bit: they were 8-bit grey levels, whose window is a guess: no number of HU is used, see
            `tfcovid.preprocess.grey_body`. A slice whose body is not found is body throughout.
        threads: as many slices at once; None takes the cores at hand. The mask does not depend on it.

    Returns:
        (slices, height, width), bool; all False for a slice of air in HU.

    Raises:
        InputError: not HU (8-bit, unsigned, NaN), not three axes, or no pixels.
    """
    bodies = partial(_bodies, eight_bit=eight_bit)
    return np.array(on_runs_of_slices(bodies, require_hu(hu, ndim=3), threads), bool)


def _bodies(hu: np.ndarray, eight_bit: bool) -> list[np.ndarray]:
    step = max(1, hu.shape[2] // _COLUMNS)
    coarse = hu[:, ::step, ::step]
    side = max(1, round(coarse.shape[2] * _PLATE))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    bodies = ((grey_body(one)[0] if eight_bit else _body(one, kernel)).view(np.uint8) for one in coarse)
    whole = coarse.shape[2] * step, coarse.shape[1] * step
    return [
        cv2.resize(one, whole, interpolation=cv2.INTER_NEAREST)[: hu.shape[1], : hu.shape[2]].view(bool)
        for one in bodies
    ]


def _body(hu: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    tissue = cv2.morphologyEx((hu >= _TISSUE_HU).view(np.uint8), cv2.MORPH_OPEN, kernel)
    found, number = cv2.connectedComponents(1 - tissue, connectivity=4, ltype=cv2.CV_16U)
    edge = np.concatenate([number[0], number[-1], number[:, 0], number[:, -1]])
    corners = number[[0, 0, -1, -1], [0, -1, 0, -1]]
    filled = np.ones(found, np.uint8)
    for n in np.unique(edge[edge > 0]):
        component = number == n
        median = np.median(hu[component])
        foam = median <= _CORNER_HU and n in corners and edge_hull_share(component) >= _AROUND
        filled[n] = median > _AIR_HU and not foam
    solid = filled[number]
    found, number, statistics, _ = cv2.connectedComponentsWithStats(solid, connectivity=8, ltype=cv2.CV_16U)
    if found == 1:
        return solid.view(bool)
    return number == 1 + statistics[1:, cv2.CC_STAT_AREA].argmax()
