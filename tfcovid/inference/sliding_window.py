from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from tfcovid.progress import with_progress


class _Place(NamedTuple):
    """Where the output of a window lies along one axis."""

    start: int  # voxel of the volume, below zero where the output begins before it
    weights: np.ndarray  # of the voxels that lie in the volume; over all places they sum to one at every voxel

    @property
    def volume(self) -> slice:
        return slice(max(self.start, 0), max(self.start, 0) + len(self.weights))

    @property
    def output(self) -> slice:
        return slice(self.volume.start - self.start, self.volume.stop - self.start)


def sliding_window(
    volume: np.ndarray,
    window: Sequence[int],
    run: Callable[[np.ndarray, np.ndarray], np.ndarray],
    channels: int,
    *,
    inner: Sequence[int] | None = None,
    overlap: float = 0.25,
    sigma: float = 0.125,
    batch: int = 1,
    value: float = -1024,
    progress: bool = False,
) -> Iterator[np.ndarray]:
    """What a network makes of a volume that it sees window by window: the Gaussian-weighted mean where they overlap.

    The windows are those of MONAI's `sliding_window_inference`: a Cartesian grid, the last of each axis moved back to
    end with the volume. So the sum of the weights is a product of three sums along the axes, and every output is
    weighted once, by shares that sum to one. MONAI also raises weights to at least 0.001, which moves the mean a little
    where only the rims of windows meet; with a `sigma` from 0.25 up it does not.

    Memory: as many float32 slices of the whole height and width as a window is deep, and two batches.

    Args:
        volume: `(slices, height, width)`, may be a memory map.
        window: sides of what the network sees, in voxels.
        run: from windows `(batch, *window)` in the volume's type and the voxel of the volume where each begins
            `(batch, 3)` to `(batch, *inner, channels)`. The last batch is filled up, so that it has one shape.
        inner: sides of what comes out of a network without padding, the middle of its window; None for all of it.
        overlap: share of an output's side that the next one covers again.
        sigma: of the Gaussian, as a share of the output's side.
        value: what lies outside the volume.
        progress: show a bar on standard error.

    Yields:
        `(1, height, width, channels)` float32, slice by slice.

    Raises:
        ValueError: sides, an overlap or an output of `run` that do not fit.
    """
    window = tuple(window)
    inner = tuple(inner or window)
    if volume.ndim != 3 or not volume.size:
        raise ValueError(f"a volume is (slices, height, width), none of them 0. Received: shape {volume.shape}")
    if not len(window) == len(inner) == 3 or any(
        side < 1 or seen < side or (seen - side) % 2 for seen, side in zip(window, inner, strict=True)
    ):
        raise ValueError(
            f"window and inner are three sides, as much of the window on either side of inner. Received: {window} and "
            f"{inner}"
        )
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap is a share from 0 to less than 1. Received: overlap={overlap}")

    grid = list(product(*(_places(*side, overlap, sigma) for side in zip(volume.shape, inner, strict=True))))
    batches = [grid[i : i + batch] for i in range(0, len(grid), batch)]
    planes: dict[int, np.ndarray] = {}  # the slices that windows have reached and may reach again
    shown = with_progress(batches, len(batches), "windows", progress)
    finished = 0
    for (deep, high, wide), output in _outputs(volume, window, inner, run, channels, shown, batch, value):
        while finished < deep.volume.start:
            yield planes.pop(finished)[np.newaxis]
            finished += 1
        part = output[deep.output, high.output, wide.output]
        # Repeated for each channel: multiplied in one run, which broadcasting over two or four channels is not.
        weights = np.repeat(np.multiply.outer(high.weights, wide.weights)[..., np.newaxis], channels, axis=-1)
        for k, weight in enumerate(deep.weights):
            plane = planes.get(deep.volume.start + k)
            if plane is None:
                plane = planes[deep.volume.start + k] = np.zeros((*volume.shape[1:], channels), np.float32)
            plane[high.volume, wide.volume] += part[k] * (weight * weights)
    for k in range(finished, len(volume)):
        yield planes.pop(k)[np.newaxis]


def _places(length: int, side: int, overlap: float, sigma: float) -> list[_Place]:
    """The outputs of `side` voxels that cover an axis of `length`; one too short lies in the middle of its only one."""
    step = max(1, int(side * (1 - overlap)))
    last = length - side
    starts = [last // 2] if last <= 0 else [*range(0, last, step), last]
    gauss = np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (sigma * side)) ** 2)
    parts = [gauss[max(0, -start) : length - start] for start in starts]
    total = np.zeros(length)
    for start, part in zip(starts, parts, strict=True):
        total[max(start, 0) :][: len(part)] += part
    return [
        _Place(start, (part / total[max(start, 0) :][: len(part)]).astype(np.float32))
        for start, part in zip(starts, parts, strict=True)
    ]


def _outputs(volume, window, inner, run, channels, batches, batch, value) -> Iterator[tuple[tuple, np.ndarray]]:
    """The places of every window in turn and what `run` made of it."""
    margin = np.subtract(window, inner) // 2
    held, results = [], ()
    for places in batches:
        starts = np.array([[place.start for place in axes] for axes in places], np.int32) - margin.astype(np.int32)
        starts = np.pad(starts, ((0, batch - len(places)), (0, 0)), "edge")
        windows = np.stack([_cut(volume, start, window, value) for start in starts])
        # Where run returns before it is done, what came before is added up meanwhile.
        ahead = run(windows, starts)
        if tuple(ahead.shape) != (batch, *inner, channels):
            raise ValueError(f"run gives {(batch, *inner, channels)}. Received: {tuple(ahead.shape)}")
        yield from zip(held, np.asarray(results), strict=False)
        held, results = places, ahead
    yield from zip(held, np.asarray(results), strict=False)


def _cut(volume: np.ndarray, start: np.ndarray, window: tuple, value: float) -> np.ndarray:
    """The window that begins at `start`, with `value` outside the volume."""
    low, high = np.maximum(start, 0), np.minimum(start + window, volume.shape)
    part = volume[tuple(map(slice, low, high))]
    if part.shape == window:
        return part
    cut = np.full(window, value, volume.dtype)
    cut[tuple(map(slice, low - start, high - start))] = part
    return cut
