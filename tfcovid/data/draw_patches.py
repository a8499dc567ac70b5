"""Where in a scan the slices or patches of an epoch lie."""

from collections.abc import Sequence

import numpy as np

from tfcovid.config.segmenter import Segmenter
from tfcovid.data.prepare_volumes import PreparedVolume

# Of the patch's side, by which a labelled voxel may lie off the middle. Small enough that a network without padding,
# which sees a third of the side at least, still gives that voxel a label.
_JITTER = 1 / 8

# Of the patch's side, by which patches of a network without padding reach beyond the scan, or it would never see an
# edge.
_OVERHANG = 1 / 3


def draw_patches(volume: PreparedVolume, segmenter: Segmenter, seed: Sequence[int]) -> np.ndarray:
    """Where the samples of one scan begin, in one epoch; follows from the seed alone.

    A share `training.around_labels` of them has a labelled voxel in the middle, or up to an eighth of the side off
    it, every label that the scan has alike; the others lie anywhere. At the scan's edge a patch is moved inside it,
    and only where the scan is smaller than the patch, or the network has no padding, does it reach beyond. A 2-D
    segmenter's samples are slices, that share of them with a label, and none again before all were drawn: a single
    image comes in as many forms of the augmentation as a volume has slices.

    Args:
        seed: whole numbers from 0.

    Returns:
        `(samples, 3)` int64: first slice, row and column.
    """
    rng = np.random.default_rng(seed)
    places = np.load(volume.places)
    by_label = [places[places[:, 0] == label, 1:] for label in np.unique(places[:, 0])]
    count = segmenter.training.samples
    around = rng.random(count) < segmenter.training.around_labels
    labels = rng.integers(max(1, len(by_label)), size=count)
    if segmenter.network.kind != "unet3d":
        slices = _draw_slices(volume.shape[0], [np.unique(one[:, 0]) for one in by_label], around, labels, rng)
        return np.column_stack([slices, np.zeros((count, 2), np.int64)])
    patch = np.array(segmenter.network.patch)
    overhang = (patch * _OVERHANG).astype(int) if segmenter.network.padding == "valid" else np.zeros(3, int)
    spare = np.array(volume.shape) - patch
    lowest, highest = np.minimum(0, spare) - overhang, np.maximum(0, spare) + overhang
    starts = rng.integers(lowest, highest + 1, size=(count, 3))
    jitter = (patch * _JITTER).astype(int)
    off = rng.integers(-jitter, jitter + 1, size=(count, 3))
    for n in np.flatnonzero(around) if by_label else ():
        place = rng.choice(by_label[labels[n]])
        starts[n] = np.clip(place - patch // 2 + off[n], lowest, highest)
    return starts


def even_slices(volume: PreparedVolume, segmenter: Segmenter) -> np.ndarray:
    """`(samples, 3)` int64 as `draw_patches`: slices evenly spaced over the scan, both ends included."""
    count = min(segmenter.training.samples, volume.shape[0])
    slices = np.linspace(0, volume.shape[0] - 1, count).round().astype(np.int64)
    return np.column_stack([slices, np.zeros((len(slices), 2), np.int64)])


def _draw_slices(
    slices: int, by_label: Sequence[np.ndarray], around: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> list[int]:
    left = np.ones(slices, bool)
    drawn = []
    for with_label, label in zip(around, labels, strict=True):
        if not left.any():
            left[:] = True
        fitting = by_label[label][left[by_label[label]]] if with_label and by_label else ()
        drawn.append(int(rng.choice(fitting if len(fitting) else np.flatnonzero(left))))
        left[drawn[-1]] = False
    return drawn
