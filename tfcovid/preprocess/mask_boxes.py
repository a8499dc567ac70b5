"""The lung crop of the Attention U-Net system (Tran et al., 2021), section 2.2: the box of a mask."""

import numpy as np

from tfcovid.errors import InputError


def mask_boxes(mask: np.ndarray, margin: int = -5, *, per_scan: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Where the mask is, slice by slice.

    Args:
        mask: (slices, height, width), bool.
        margin: pixels by which the box is widened on every side, clipped to the slice; below 0 it moves inwards, as
            the paper's formula has it with r = 5. A box that would vanish keeps the mask's own.
        per_scan: one box for the whole scan, around the boxes of all slices with a mask, on every slice.

    Returns:
        boxes: (slices, 4), int32: top, left, bottom, right in pixels; bottom and right exclusive.
        empty: (slices,), bool: no mask here. Such a slice keeps the whole slice as its box (with `per_scan`, the
            scan's box, unless no slice at all has a mask).

    Raises:
        InputError: not three axes of bool.
    """
    mask = np.asarray(mask)
    if mask.ndim != 3 or mask.dtype != bool:
        raise InputError(f"A mask is (slices, height, width) of bool. Received: {mask.dtype} of shape {mask.shape}")
    rows, columns = mask.any(axis=2), mask.any(axis=1)
    (top, bottom), (left, right) = _ends(rows), _ends(columns)
    found = np.stack([top, left, bottom, right], axis=1)
    moved = found + np.array([-margin, -margin, margin, margin])
    moved = np.clip(moved, 0, [mask.shape[1], mask.shape[2]] * 2)
    vanished = (moved[:, 0] >= moved[:, 2]) | (moved[:, 1] >= moved[:, 3])
    boxes = np.where(vanished[:, None], found, moved).astype(np.int32)
    empty = ~rows.any(axis=1)
    if per_scan and not empty.all():
        there = boxes[~empty]
        boxes[:] = [*there[:, :2].min(axis=0), *there[:, 2:].max(axis=0)]
    else:
        boxes[empty] = [0, 0, *mask.shape[1:]]
    return boxes, empty


def _ends(there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and behind the last True along axis 1; 0 and its length where there is none."""
    return there.argmax(axis=1), there.shape[1] - there[:, ::-1].argmax(axis=1)
