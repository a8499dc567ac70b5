"""Left and right lung of a mask that does not tell them apart."""

import math

import numpy as np
import scipy
import skimage

from tfcovid.preprocess.bounding_box import bounding_box
from tfcovid.preprocess.largest_components import require_mask

LEFT, RIGHT = 1, 2
_COARSE = 3.0  # mm; finer than the waist between lungs, coarse enough to search a whole scan in a second
_SMALLER = 0.05  # of the larger lung: the smallest volume that passes for the other one
_TAIL = 0.05  # of a component's voxels lie beyond its core on either side
_ACROSS = 0.2  # of a mask's voxels on either side of the image's middle, where it is both lungs


def split_lungs(lungs: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Tells the left lung from the right one, where they touch too.

    The rule. Two components are the two lungs when their mean columns lie on either side of the image's middle and
    outside the middle 90 % of each other's columns, and the smaller has at least 5 % of the larger's voxels.

    1. The two lungs are separate components: nothing is cut.
    2. They touch: the largest component is worn down from its surface, on a grid of about 3 mm, until what is left
       holds two lungs. From these it is grown back by a watershed of the distance to the surface, which cuts where
       the mask is narrowest; around the cut once more at full resolution.
    3. That finds no two, but the component is wider than deep and has 20 % of its voxels on each side of the image's
       middle: it is cut at the column in its middle third that has the fewest voxels.
    4. Otherwise it is one lung, named after the half of the image that its mean column lies in.

    Every other component goes whole to the lung whose mean column is nearer. Components are joined by faces. The image
    must show a chest: its middle may miss the patient's by some centimetres, but in an image of one lung alone that
    lung could be cut.

    Args:
        lungs: (slices, height, width), bool, columns from the patient's right to the left.
        spacing: mm (slice, row, column).

    Returns:
        uint8 of the same shape: 1 left lung, 2 right lung, 0 elsewhere; all 0 for an empty mask.

    Raises:
        InputError: not three axes, or not bool.
    """
    lungs = require_mask(lungs)
    sides = np.zeros(lungs.shape, np.uint8)
    box = bounding_box(lungs)
    mask = lungs[box]
    if not mask.size:
        return sides
    number, found = scipy.ndimage.label(mask)
    columns = _columns(number, found)
    mean = _mean_columns(columns)
    between = (lungs.shape[2] - 1) / 2 - box[2].start
    pair, cut = _two_lungs(columns, between), None
    if pair is not None:
        between = mean[list(pair)].mean()
    else:
        largest = int(columns.sum(axis=1).argmax())
        cut = _cut(number == largest, spacing, columns[largest], between)
        if cut is not None:
            between = _mean_columns(_columns(cut, 2))[1:].mean()
    side_of = np.where(mean < between, RIGHT, LEFT).astype(np.uint8)
    side_of[0] = 0
    sides[box] = side_of[number]
    if cut is not None:
        np.copyto(sides[box], cut, where=cut > 0)
    return sides


def _columns(number: np.ndarray, found: int) -> np.ndarray:
    """`(1 + found, width)`: how many voxels of each component lie in each column; row 0 is empty."""
    width = number.shape[-1]
    columns = np.zeros((found + 1) * width, np.int64)
    for one in number:  # counting copies to 64 bits
        place = np.flatnonzero(one)
        columns += np.bincount(one.ravel()[place] * np.int64(width) + place % width, minlength=len(columns))
    return columns.reshape(found + 1, width)


def _mean_columns(columns: np.ndarray) -> np.ndarray:
    return columns @ np.arange(columns.shape[1]) / np.maximum(columns.sum(axis=1), 1)


def _two_lungs(columns: np.ndarray, middle: float) -> tuple[int, int] | None:
    """The numbers of the right and the left lung, where the components hold two lungs side by side."""
    voxels = columns.sum(axis=1)
    largest = int(voxels.argmax())
    mean = _mean_columns(columns)
    reached = np.cumsum(columns, axis=1) / np.maximum(voxels, 1)[:, None]
    first, last = (reached >= _TAIL).argmax(axis=1), (reached >= 1 - _TAIL).argmax(axis=1)
    for other in np.argsort(-voxels, kind="stable"):
        if voxels[other] < max(1, _SMALLER * voxels[largest]):
            return None
        right, left = (largest, other) if mean[largest] < mean[other] else (other, largest)
        beside = last[right] < mean[left] and mean[right] < first[left]
        if beside and mean[right] < middle < mean[left]:
            return int(right), int(left)
    return None


def _cut(
    mask: np.ndarray, spacing: tuple[float, float, float], columns: np.ndarray, middle: float
) -> np.ndarray | None:
    """1 left, 2 right, 0 elsewhere of one component, by rules 2 and 3; None where it is a single lung."""
    steps = tuple(max(1, round(_COARSE / mm)) for mm in spacing)
    coarse = _shares(mask, steps) >= 0.5
    of_block = (middle + 0.5) / steps[2] - 0.5
    grown = _grown_from_cores(coarse, tuple(n * mm for n, mm in zip(steps, spacing, strict=True)), of_block)
    if grown is not None:
        return _at_full_resolution(mask, grown, steps, spacing)
    rows = np.flatnonzero(mask.any(axis=(0, 2)))
    present = np.flatnonzero(columns)
    wide = (present[-1] - present[0] + 1) * spacing[2] > (rows[-1] - rows[0] + 1) * spacing[1]
    before = columns[: max(0, math.ceil(middle))].sum() / columns.sum()
    if not wide or not _ACROSS <= before <= 1 - _ACROSS:
        return None
    third = (present[-1] - present[0] + 1) // 3
    low, high = present[0] + third, present[-1] + 1 - third
    # Of equals, the column nearest to the middle of the mask.
    off = np.abs(np.arange(low, high) - (present[0] + present[-1]) / 2)
    waist = low + int(np.lexsort((off, columns[low:high]))[0])
    return np.where(mask, np.where(np.arange(mask.shape[2]) < waist, RIGHT, LEFT), 0).astype(np.uint8)


def _shares(mask: np.ndarray, steps: tuple[int, int, int]) -> np.ndarray:
    """How much of each block of `steps` voxels is inside; the last ones reach beyond the mask, as outside."""
    shares = mask.astype(np.float32)
    for axis, step in enumerate(steps):
        if step > 1:
            shares = np.add.reduceat(shares, np.arange(0, shares.shape[axis], step), axis=axis) / step
    return shares


def _grown_from_cores(coarse: np.ndarray, spacing: tuple[float, float, float], middle: float) -> np.ndarray | None:
    """Rule 2 on the coarse grid: int32, 1 left, 2 right, 0 outside; None where wearing down finds no two lungs."""
    if coarse.all():  # there is no surface to wear down from
        return None
    depth = scipy.ndimage.distance_transform_edt(coarse, sampling=spacing).astype(np.float32)
    for level in np.arange(0, depth.max(), min(spacing) / 2):
        number, found = scipy.ndimage.label(depth > level)
        pair = _two_lungs(_columns(number, found), middle)
        if pair is not None:
            right, left = pair
            cores = np.zeros(found + 1, np.int32)
            cores[right], cores[left] = RIGHT, LEFT
            return skimage.segmentation.watershed(-depth, cores[number], mask=coarse)
    return None


def _at_full_resolution(
    mask: np.ndarray, grown: np.ndarray, steps: tuple[int, int, int], spacing: tuple[float, float, float]
) -> np.ndarray:
    """The coarse sides laid on the mask, with the cut drawn anew voxel by voxel."""
    # Blocks less than half inside have no side yet: that of the nearest one.
    nearest = scipy.ndimage.distance_transform_edt(
        grown == 0, sampling=np.multiply(steps, spacing), return_distances=False, return_indices=True
    )
    coarse = grown[tuple(nearest)].astype(np.uint8)
    fine = np.where(mask, _enlarged(coarse, steps, mask.shape), 0).astype(np.uint8)
    cube = np.ones((3, 3, 3), bool)
    touching = scipy.ndimage.binary_dilation(grown == LEFT, cube) & scipy.ndimage.binary_dilation(grown == RIGHT, cube)
    band = scipy.ndimage.binary_dilation(touching, cube)
    around = tuple(
        slice(max(0, (at.start - 2) * step), (at.stop + 2) * step)
        for at, step in zip(bounding_box(band), steps, strict=True)
    )
    inside, open_ = mask[around], _enlarged(band, steps, mask.shape)[around]
    depth = scipy.ndimage.distance_transform_edt(inside, sampling=spacing).astype(np.float32)
    redrawn = skimage.segmentation.watershed(-depth, np.where(open_, 0, fine[around]), mask=inside)
    np.copyto(fine[around], redrawn.astype(np.uint8), where=redrawn > 0)
    return fine


def _enlarged(blocks: np.ndarray, steps: tuple[int, int, int], shape: tuple[int, int, int]) -> np.ndarray:
    for axis, (step, size) in enumerate(zip(steps, shape, strict=True)):
        blocks = np.repeat(blocks, step, axis=axis)
        blocks = blocks[tuple(slice(size) if n == axis else slice(None) for n in range(3))]
    return blocks
