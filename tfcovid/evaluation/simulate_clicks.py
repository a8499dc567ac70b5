"""What clicks are worth: a reader who corrects the largest fault, click by click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from tfcovid.errors import InputError
from tfcovid.preprocess.bounding_box import bounding_box

if TYPE_CHECKING:
    from tfcovid.inference import Clicks


@dataclass(frozen=True)
class NextClick:
    """(slice, row, column) of a voxel, and whether it is on the lesion."""

    place: tuple[int, int, int]
    positive: bool


def next_click(
    truth: np.ndarray,
    called: np.ndarray,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    seed: int | Sequence[int] | None = None,
) -> NextClick | None:
    """Where a reader would click next: in the largest fault (26-connected, by voxels), missed or wrongly called.

    Args:
        truth: `(slices, height, width)` bool.
        called: `(slices, height, width)` bool, the mask so far.
        spacing: (slice, row, column) in mm.
        seed: draws a voxel of the fault with a probability proportional to exp(distance) - 1, the chessboard distance
            in voxels to its border, as in training (`SimulatedClicks`). Without, it is the voxel that lies deepest in
            mm, the first of those alike.

    Returns:
        None where there is no fault.

    Raises:
        InputError: masks of different shapes, or not bool.
    """
    if truth.shape != called.shape or truth.ndim != 3 or truth.dtype != bool or called.dtype != bool:
        raise InputError(
            "truth and mask must be bool and of one scan, with the axes (slices, height, width). "
            f"Received: {truth.dtype} of {truth.shape} and {called.dtype} of {called.shape}"
        )
    found = [(*_largest(fault), positive) for fault, positive in ((truth & ~called, True), (called & ~truth, False))]
    voxels, corner, fault, positive = max(found, key=lambda one: one[0])
    if not voxels:
        return None
    inside = np.pad(fault, 1)
    if seed is None:
        flat = int(scipy.ndimage.distance_transform_edt(inside, sampling=spacing).argmax())
    else:
        depth = scipy.ndimage.distance_transform_cdt(inside, "chessboard").ravel()
        places = np.flatnonzero(depth)
        weight = np.exp(depth[places] - float(depth.max())) - np.exp(-float(depth.max()))
        flat = int(np.random.default_rng(seed).choice(places, p=weight / weight.sum()))
    place = np.unravel_index(flat, inside.shape)
    return NextClick(tuple(int(at) - 1 + start for at, start in zip(place, corner, strict=True)), positive)


def click_curve(
    segment: Callable[[Clicks], np.ndarray],
    truth: np.ndarray,
    counts: Sequence[int] = (0, 1, 3, 5, 10),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    seed: int | None = None,
    known: np.ndarray | None = None,
) -> dict[int, float]:
    """Dice after so many simulated clicks, each made on the answer to those before it.

    A mask without a fault gets no more clicks and has Dice 1, also where truth and mask are both empty.

    Args:
        segment: from clicks to the mask, `(slices, height, width)` bool.
        truth: `(slices, height, width)` bool.
        spacing, seed: see `next_click`.
        known: `(slices, height, width)` bool, where the truth is known; other voxels neither count nor are clicked.

    Raises:
        InputError: masks of different shapes or not bool, or counts that are none.
    """
    from tfcovid.inference import Clicks  # with Keras, which the other figures do without

    if not counts or min(counts) < 0:
        raise InputError(f"counts of clicks are whole numbers from 0. Received: {tuple(counts)}")
    known = np.True_ if known is None else known
    truth, clicks, curve = truth & known, Clicks(), {}
    for count in range(max(counts) + 1):
        called = segment(clicks) & known
        click = next_click(truth, called, spacing, None if seed is None else (seed, count))
        if click is None:
            curve |= dict.fromkeys(range(count, max(counts) + 1), 1.0)
            break
        overlap = np.count_nonzero(truth & called)
        curve[count] = 2 * overlap / (np.count_nonzero(truth) + np.count_nonzero(called))
        clicks += Clicks(**{"positive" if click.positive else "negative": [click.place]})
    return {count: curve[count] for count in counts}


def _largest(fault: np.ndarray) -> tuple[int, tuple[int, ...], np.ndarray]:
    """Voxels of the largest component, the first voxel of its box, and the component in it."""
    box = bounding_box(fault)
    number, count = scipy.ndimage.label(fault[box], np.ones((3, 3, 3)))
    if not count:
        return 0, (0, 0, 0), fault[box]
    voxels = np.bincount(number.ravel())[1:]
    largest = int(voxels.argmax())
    own = scipy.ndimage.find_objects(number)[largest]
    corner = tuple(whole.start + at.start for whole, at in zip(box, own, strict=True))
    return int(voxels[largest]), corner, number[own] == largest + 1
