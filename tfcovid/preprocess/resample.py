"""A scan brought to another spacing, and what was computed there brought back."""

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from tfcovid.errors import InputError
from tfcovid.preprocess.crop_resize import RESIZABLE, _resize


def resample(
    volume: np.ndarray, spacing: Sequence[float], wanted: Sequence[float], *, labels: bool = False
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """A volume at about the wanted spacing, its outer edges where they were.

    Each axis keeps its extent and gets the whole number of voxels that comes closest, one at least. Images, as in
    `crop_resize`: the mean over what falls into a voxel along axes that shrink, linear between voxel centres along
    axes that grow. Labels: the nearest voxel, no new value. Besides the result, memory holds the few slices that
    one of its slices is made of.

    Args:
        volume: (slices, height, width); may be a memory map.
        spacing: (slice, row, column) in mm.
        wanted: (slice, row, column) in mm.
        labels: the volume is a mask.

    Returns:
        (slices, height, width) of the same dtype, whole numbers rounded; and its exact spacing in mm.

    Raises:
        InputError: not three axes, an empty axis, a spacing that is not three numbers above 0, or a dtype that
            cannot be interpolated (labels may have any).
    """
    volume = np.asanyarray(volume)
    _require_volume(volume, labels)
    for name, triple in (("spacing", spacing), ("wanted", wanted)):
        if len(triple) != 3 or not all(np.isfinite(mm) and mm > 0 for mm in triple):
            raise InputError(f"{name}: give (slice, row, column) in mm, each above 0. Received: {tuple(triple)}")
    extent = [count * mm for count, mm in zip(volume.shape, spacing, strict=True)]
    # Halves up: Python's round would take them to the even neighbour.
    shape = tuple(max(1, int(side / mm + 0.5)) for side, mm in zip(extent, wanted, strict=True))
    exact = tuple(float(side / count) for side, count in zip(extent, shape, strict=True))
    native = volume.dtype.newbyteorder("=")  # OpenCV reads no other
    result = np.empty(shape, native)
    if labels:
        for k, source in enumerate(((np.arange(shape[0]) + 0.5) * len(volume) / shape[0]).astype(int)):
            result[k] = _resize(volume[source], shape[1:], True)
        return result, exact
    # Float until the last step, so that values are rounded once.
    working = np.float64 if native == np.float64 else np.float32
    ready: dict[int, np.ndarray] = {}
    for k, parts in enumerate(_slices_of(len(volume), shape[0])):
        ready = {source: image for source, image in ready.items() if source >= parts[0][0]}
        for source, _ in parts:
            if source not in ready:
                ready[source] = _resize(volume[source].astype(working), shape[1:], False)
        mixed = _mixed([(ready[source], weight) for source, weight in parts])
        result[k] = mixed if native.kind == "f" else np.rint(mixed)
    return result, exact


def interpolated(slabs: Iterable[np.ndarray], slices: int, shape: Sequence[int]) -> Iterator[np.ndarray]:
    """Maps on a working grid, brought to the grid of the scan slice by slice: the way back from `resample`.

    Linear between the working slices and bilinear within them, at the centres of the scan's voxels; both grids have
    the same outer edges. Memory holds two working slices and one of the scan's.

    Args:
        slabs: (n, height, width, channels) float32, which follow each other and make up the working grid.
        slices: how many slices they have together.
        shape: (slices, height, width) of the scan.

    Yields:
        (1, height, width, channels) float32 for every slice of the scan, feet first.

    Raises:
        ValueError: the slabs end before `slices`.
    """
    incoming = (one for slab in slabs for one in slab)
    held: dict[int, np.ndarray] = {}
    come = 0
    for parts in _linear(slices, shape[0]):
        last = parts[-1][0]
        while come <= last:
            one = next(incoming, None)
            if one is None:
                raise ValueError(f"slabs: {slices} slices were to come. Received: {come}")
            if come >= parts[0][0]:
                held[come] = np.asarray(one, np.float32)
            come += 1
        held = {source: image for source, image in held.items() if source >= parts[0][0]}
        mixed = _mixed([(held[source], weight) for source, weight in parts])
        channels = mixed.shape[-1]
        if mixed.shape[:2] != tuple(shape[1:]):
            mixed = cv2.resize(mixed, (shape[2], shape[1]), interpolation=cv2.INTER_LINEAR)
        yield mixed.reshape(1, *shape[1:], channels)


def _slices_of(old: int, new: int) -> Iterator[list[tuple[int, float]]]:
    """For each new slice the old ones it is made of, in order, with weights that add up to 1."""
    if new >= old:
        yield from _linear(old, new)
        return
    step = old / new
    for k in range(new):
        start, stop = k * step, min((k + 1) * step, old)
        parts = [(n, (min(n + 1, stop) - max(n, start)) / step) for n in range(int(start), int(np.ceil(stop)))]
        # What rounding errors leave of a neighbour is none of it.
        yield [part for part in parts if part[1] > 1e-9]


def _linear(old: int, new: int) -> Iterator[list[tuple[int, float]]]:
    """For each new slice the one or two old ones on either side of its centre."""
    for k in range(new):
        place = min(max((k + 0.5) * old / new - 0.5, 0.0), old - 1.0)
        below = int(place)
        share = place - below
        yield [(below, 1 - share), (below + 1, share)] if share > 1e-9 else [(below, 1.0)]


def _mixed(parts: list[tuple[np.ndarray, float]]) -> np.ndarray:
    (first, weight), *others = parts
    result = first * first.dtype.type(weight)
    for image, share in others:
        result += image * image.dtype.type(share)
    return result


def _require_volume(volume: np.ndarray, labels: bool) -> None:
    if volume.ndim != 3 or volume.size == 0:
        raise InputError(f"The volume must have the axes (slices, height, width). Received: {volume.shape}")
    if not labels and volume.dtype.name not in RESIZABLE:
        raise InputError(
            f"Volumes to resample must be one of {', '.join(RESIZABLE)}; masks take labels=True. "
            f"Received: dtype {volume.dtype}"
        )
