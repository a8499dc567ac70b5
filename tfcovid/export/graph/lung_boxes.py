from functools import cache

import tensorflow as tf

from tfcovid.export.graph.connected_to import connected_to
from tfcovid.export.graph.in_chunks import in_chunks
from tfcovid.export.graph.mask_boxes import boxes_around, rectangles
from tfcovid.export.graph.runs import Runs, runs
from tfcovid.export.graph.traced import traced
from tfcovid.preprocess.lung_crop import LUNG_BELOW_HU, TABLE_KERNEL

_CHUNK = 16  # slices


def lung_boxes(hu: tf.Tensor, margin: int = 10, *, per_scan: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
    """`tfcovid.preprocess.lung_boxes` in the graph: the same boxes.

    Args:
        hu: (slices, height, width), int16, HU; one slice or more.
        margin: pixels kept around the lungs on every side, clipped to the slice.
        per_scan: one box for the whole scan.

    Returns:
        boxes: (slices, 4), int32: top, left, bottom, right in pixels; bottom and right exclusive.
        without_lung: (slices,), bool.
    """
    return boxes_around(in_chunks(_of_chunk(), (hu,), _CHUNK), tf.shape(hu)[1:], margin, per_scan=per_scan)


@cache
def _of_chunk() -> tf.types.experimental.ConcreteFunction:
    return traced(_rectangles)


def _rectangles(hu: tf.Tensor) -> tf.Tensor:
    """(slices, 4) int32 around the lungs, all 0 where there are none."""
    slices, height, width = tf.unstack(tf.shape(hu, tf.int64))
    dark = _opened(runs(hu < LUNG_BELOW_HU), width)
    edge = (dark.row == 0) | (dark.row == height - 1) | (dark.start == 0) | (dark.stop == width)
    lungs = dark.where(~connected_to(dark, edge, tf.shape(hu)[1:], connectivity=8))
    return rectangles(lungs, slices)


def _opened(dark: Runs, width: tf.Tensor) -> Runs:
    """What an opening with a row of pixels leaves of runs: those that hold it.

    Outside the image it takes no part: at the left edge a run is long enough that holds the kernel from its anchor on,
    at the right one up to its anchor. What a row as short as that would leave reaches both edges and is not wanted.
    """
    size = TABLE_KERNEL.shape[1]
    before = size // 2 - 1  # pixels of the kernel left of its anchor
    length = dark.stop - dark.start
    at_left = (dark.start == 0) & (length >= size - before)
    at_right = (dark.stop == width) & (length > before)
    return dark.where((length >= size) | at_left | at_right)
