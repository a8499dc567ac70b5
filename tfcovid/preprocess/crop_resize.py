"""Crops every slice to its box and resizes it, and the way back."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from tfcovid.errors import InputError

RESIZABLE = ("uint8", "uint16", "int16", "float32", "float64")


def crop_resize(
    slices: np.ndarray, boxes: np.ndarray, size: int | tuple[int, int], *, labels: bool = False
) -> np.ndarray:
    """Every slice cropped to its own box and resized to one size.

    Images: bilinear where a side grows; where it shrinks, the mean over the pixels that fall into one, since
    bilinear would then skip pixels and let fine lung texture alias. Labels: the nearest pixel, no new value.
    Both keep pixel centres aligned: the box's corners are the result's corners.

    Args:
        slices: (slices, height, width).
        boxes: (slices, 4), integers: top, left, bottom, right in pixels, bottom and right exclusive.
        size: pixels of a side, or (height, width).
        labels: the slices are masks.

    Returns:
        (slices, size, size) or (slices, *size), of the same dtype.

    Raises:
        InputError: boxes that do not match or leave the slices, a size below 1, or a dtype without bilinear
            resizing (labels may have any).
    """
    slices = _require_stack(slices, labels)
    boxes = _require_boxes(boxes, slices.shape)
    size = (size, size) if isinstance(size, int | np.integer) else tuple(size)
    if len(size) != 2 or min(size) < 1:
        raise InputError(f"The size must be (height, width), 1 pixel or more each. Received: {size}")
    result = np.empty((len(slices), *size), slices.dtype)
    with _open_code():
        for one, (top, left, bottom, right), out in zip(slices, boxes, result, strict=True):
            out[:] = _resize(one[top:bottom, left:right], size, labels)
    return result


def paste(
    maps: np.ndarray,
    boxes: np.ndarray,
    shape: tuple[int, int],
    *,
    fill: float = 0.0,
    labels: bool = False,
    beyond: int = 0,
) -> np.ndarray:
    """Maps in the frame of a crop, put back into the frame of the slices: the inverse of `crop_resize`.

    Args:
        maps: (slices, map height, map width), of any size.
        boxes: (slices, 4), the boxes the crops were cut with.
        shape: (height, width) of the slices.
        fill: the value outside the boxes.
        labels: the maps are masks: nearest pixel instead of bilinear.
        beyond: pixels of the map by which its edges are carried on outside the boxes.

    Returns:
        (slices, height, width), of the maps' dtype.

    Raises:
        InputError: as `crop_resize`.
    """
    maps = _require_stack(maps, labels)
    boxes = _require_boxes(boxes, (len(maps), *shape))
    result = np.zeros((len(maps), *shape), maps.dtype)
    if fill:  # zeros cost no memory where nothing is written
        result[:] = fill
    with _open_code():
        for one, (top, left, bottom, right), out in zip(maps, boxes, result, strict=True):
            if beyond:
                down, across = (
                    round(beyond * side / count)
                    for side, count in zip((bottom - top, right - left), one.shape, strict=True)
                )
                wider = np.pad(one, beyond, mode="edge")
                shown = _resize(wider, (bottom - top + 2 * down, right - left + 2 * across), labels)
                above, before = max(0, down - top), max(0, across - left)
                top, left = max(0, top - down), max(0, left - across)
                bottom, right = min(shape[0], bottom + down), min(shape[1], right + across)
                out[top:bottom, left:right] = shown[above:, before:][: bottom - top, : right - left]
            else:
                out[top:bottom, left:right] = _resize(one, (bottom - top, right - left), labels)
    return result


@contextmanager
def _open_code() -> Iterator[None]:
    """OpenCV's own arithmetic, in this thread: the same pixels on every processor, and in an export's graph.

    Intel's closed code, which OpenCV takes on x86 alone, grows a few pixels to another HU.
    """
    before = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(before)


def _resize(image: np.ndarray, size: tuple[int, int], labels: bool) -> np.ndarray:
    """(height, width) resized to `size`, each side by itself: shrunk by area means, then grown bilinearly."""
    if labels:
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(size, image.shape, strict=True)
        )
        return image[np.ix_(rows, columns)]
    image = np.ascontiguousarray(image)
    smaller = tuple(min(old, new) for old, new in zip(image.shape, size, strict=True))
    for step, how in ((smaller, cv2.INTER_AREA), (size, cv2.INTER_LINEAR)):
        if image.shape != step:
            image = cv2.resize(image, step[::-1], interpolation=how)
    return image


def _require_stack(slices: np.ndarray, labels: bool) -> np.ndarray:
    slices = np.asarray(slices)
    if slices.ndim != 3 or slices.size == 0:
        raise InputError(f"The array must have the axes (slices, height, width). Received: {slices.shape}")
    if not labels and slices.dtype.name not in RESIZABLE:
        raise InputError(
            f"Images to resize must be one of {', '.join(RESIZABLE)}; masks take labels=True. "
            f"Received: dtype {slices.dtype}"
        )
    # OpenCV reads no foreign byte order, which files do bring along.
    return slices.astype(slices.dtype.newbyteorder("="), copy=False)


def _require_boxes(boxes: np.ndarray, shape: tuple[int, int, int]) -> list[list[int]]:
    boxes = np.asarray(boxes)
    if boxes.shape != (shape[0], 4) or boxes.dtype.kind not in "iu":
        raise InputError(
            f"One box a slice is needed, ({shape[0]}, 4) integers: top, left, bottom, right. "
            f"Received: shape {boxes.shape}, dtype {boxes.dtype}"
        )
    top, left, bottom, right = boxes.T.astype(np.int64)
    wrong = (top < 0) | (left < 0) | (bottom > shape[1]) | (right > shape[2]) | (top >= bottom) | (left >= right)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"A box must lie within the slices' {shape[1]} x {shape[2]} pixels and hold at least one. "
            f"Received: box {first}, {boxes[first].tolist()}"
        )
    return boxes.tolist()
