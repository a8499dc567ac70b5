from typing import Any

import numpy as np
import scipy

from tfcovid.errors import InputError
from tfcovid.preprocess.bounding_box import bounding_box
from tfcovid.preprocess.split_lungs import LEFT, RIGHT
from tfcovid.preprocess.surface_voxels import surface_voxels

_NAMES = {LEFT: "left lung", RIGHT: "right lung"}


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
        {
            "region": name,
            "volume_ml": round(float(all_ * ml), 3),
            "infection_ml": round(float(ill * ml), 3),
            "involved_percent": round(float(100 * ill / all_), 3) if all_ else None,
        }
        for name, all_, ill in (
            (_NAMES[LEFT], volume[0], infected[0]),
            (_NAMES[RIGHT], volume[1], infected[1]),
            ("both lungs", volume.sum(), infected.sum()),
        )
    ]
    lesions = _lesions(sides, infection, ml)
    return {
        "regions": regions,
        "infection_ml": round(np.count_nonzero(infection) * ml, 3),
        "lesion_count": len(lesions),
        "lesions": lesions,
    }


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
