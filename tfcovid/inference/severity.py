from typing import Any

import numpy as np
import scipy

from tfcovid.errors import InputError
from tfcovid.preprocess.bounding_box import bounding_box
from tfcovid.preprocess.split_lungs import LEFT, RIGHT
from tfcovid.preprocess.surface_voxels import surface_voxels

_NAMES = {LEFT: "left lung", RIGHT: "right lung"}
_THIRDS = ("lower", "middle", "upper")
# Involved per cent from which a zone scores 2, 3, 4 and 5; any infection scores 1.
_STEPS = (5, 25, 50, 75)


def severity(lungs: np.ndarray, infection: np.ndarray, spacing: tuple[float, float, float]) -> dict[str, Any]:
    """How much of the lungs is infected: the CT severity figure, and every lesion.

    Infected voxels outside the lungs, as in masks that draw infection over lung, are counted as lung: each belongs to
    the lung that is nearer. Without any lung they belong to none.

    Args:
        lungs: (slices, height, width), 1 left, 2 right, 0 elsewhere.
        infection: (slices, height, width), bool.
        spacing: mm (slice, row, column).

    Returns:
        Ready for JSON. "regions" and "lesions" are rows of a table.

        "regions": of the left lung, the right lung and both lungs, "volume_ml", "infection_ml" and
        "involved_percent"; the last is None where there is no lung.
        "zones": each lung in thirds of equal height, with the figures of "regions" and a "score" from 0 to 5 by the
        share involved: 1 below 5 %, 2 from 5 %, 3 above 25 %, 4 from 50 %, 5 above 75 % (the steps that Pan et al.,
        Radiology 295:715, 2020, apply to lobes). "severity_score" is their sum and "severity_most" the largest it could
        be, 30 with two lungs: not to be compared with a score by lobes. All are None or empty where a lung has fewer
        than three slices.
        "lesions": every component of the infection (26-connected), largest first: "ml"; "lung", that most of it is
        in, or None; "slice" with its largest area, "first_slice" and "last_slice"; "row" and "column" of the middle
        of its bounding box.
        "lesion_count", and "infection_ml" of the whole scan.

    Raises:
        InputError: masks of different shapes, or an infection that is not bool.
    """
    lungs, infection = np.asarray(lungs), np.asarray(infection)
    if lungs.shape != infection.shape or lungs.ndim != 3 or infection.dtype != bool:
        raise InputError(
            "Lungs (1 left, 2 right) and infection (bool) must be of one scan, with the axes (slices, height, width). "
            f"Received: shapes {lungs.shape} and {infection.shape}, infection of {infection.dtype}"
        )
    ml = float(np.prod(spacing)) / 1000
    sides = _with_infection(lungs, infection, spacing)
    # Slice by slice: counting copies to 64 bits.
    volume = sum(np.bincount(one.ravel(), minlength=3) for one in sides)[1:3]
    infected = np.bincount(sides[infection], minlength=3)[1:3]
    regions = [
        {"region": name, **_involved(all_, ill, ml)}
        for name, all_, ill in (
            (_NAMES[LEFT], volume[0], infected[0]),
            (_NAMES[RIGHT], volume[1], infected[1]),
            ("both lungs", volume.sum(), infected.sum()),
        )
    ]
    lesions = _lesions(sides, infection, ml)
    zones = _zones(sides, infection, ml)
    return {
        "regions": regions,
        "zones": zones,
        "severity_score": sum(zone["score"] for zone in zones) if zones else None,
        "severity_most": 5 * len(zones) if zones else None,
        "infection_ml": round(np.count_nonzero(infection) * ml, 3),
        "lesion_count": len(lesions),
        "lesions": lesions,
    }


def _involved(voxels: int, infected: int, ml: float) -> dict[str, float | None]:
    return {
        "volume_ml": round(float(voxels * ml), 3),
        "infection_ml": round(float(infected * ml), 3),
        "involved_percent": round(float(100 * infected / voxels), 3) if voxels else None,
    }


def _zones(sides: np.ndarray, infection: np.ndarray, ml: float) -> list[dict[str, Any]]:
    """Return a row for each third of each lung that is there; none where a lung has fewer than three slices."""
    rows = []
    for side, name in _NAMES.items():
        lung = [(one == side) for one in sides]
        volume = np.array([np.count_nonzero(one) for one in lung])
        infected = np.array([np.count_nonzero(one & ill) for one, ill in zip(lung, infection, strict=True)])
        slices = np.flatnonzero(volume)
        if not len(slices):
            continue
        if len(slices) < len(_THIRDS):
            return []
        ends = np.linspace(slices[0], slices[-1] + 1, len(_THIRDS) + 1).round().astype(int)
        for third, start, stop in zip(_THIRDS, ends[:-1], ends[1:], strict=True):
            figures = _involved(volume[start:stop].sum(), infected[start:stop].sum(), ml)
            rows.append({"zone": f"{third} {name}", **figures, "score": _score(figures["involved_percent"] or 0)})
    return rows


def _score(percent: float) -> int:
    at_least = (percent > 0, percent >= _STEPS[0], percent > _STEPS[1], percent >= _STEPS[2], percent > _STEPS[3])
    return sum(at_least)


def _with_infection(lungs: np.ndarray, infection: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """The lungs with the infection in them; uint8."""
    outside = infection & (lungs == 0)
    sides = lungs.astype(np.uint8)
    if not outside.any() or not lungs.any():
        return sides
    inside = lungs > 0
    box = bounding_box(inside)
    surface = np.argwhere(surface_voxels(inside[box])) + [at.start for at in box]
    places = np.argwhere(outside)
    tree = scipy.spatial.KDTree(surface * spacing, balanced_tree=False, compact_nodes=False)
    nearest = tree.query(places * spacing, workers=-1)[1]
    sides[tuple(places.T)] = lungs[tuple(surface[nearest].T)]
    return sides


def _lesions(sides: np.ndarray, infection: np.ndarray, ml: float) -> list[dict[str, Any]]:
    box = bounding_box(infection)
    number, found = scipy.ndimage.label(infection[box], np.ones((3, 3, 3)))
    if not found:
        return []
    place = np.nonzero(number)
    of = number[place] - 1
    depth = number.shape[0]
    areas = np.bincount(of * depth + place[0], minlength=found * depth).reshape(found, depth)
    in_lung = np.bincount(of * 3 + sides[box][place], minlength=found * 3).reshape(found, 3)
    voxels = areas.sum(axis=1)
    boxes = scipy.ndimage.find_objects(number)
    rows = []
    for n in np.argsort(-voxels, kind="stable").tolist():
        first, last = boxes[n][0].start, boxes[n][0].stop - 1
        middle = [(at.start + at.stop - 1) / 2 + whole.start for at, whole in zip(boxes[n], box, strict=True)]
        rows.append(
            {
                "lesion": len(rows) + 1,
                "ml": round(float(voxels[n] * ml), 3),
                "lung": _NAMES.get(int(in_lung[n].argmax())),
                "slice": int(areas[n].argmax()) + box[0].start,
                "first_slice": first + box[0].start,
                "last_slice": last + box[0].start,
                "row": middle[1],
                "column": middle[2],
            }
        )
    return rows
