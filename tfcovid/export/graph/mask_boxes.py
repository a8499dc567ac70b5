import tensorflow as tf

from tfcovid.export.graph.runs import Runs


def mask_boxes(
    runs: Runs, shape: tf.Tensor, margin: int = -5, *, per_scan: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """`tfcovid.preprocess.mask_boxes` in the graph, on the runs of a mask: the same boxes.

    Args:
        runs: of the mask.
        shape: (slices, height, width) of the mask.
        margin: pixels by which the box is widened on every side, clipped to the slice; below 0 it moves inwards, and
            one that would vanish keeps the mask's own.
        per_scan: one box for the whole scan.

    Returns:
        boxes: (slices, 4), int32: top, left, bottom, right in pixels; bottom and right exclusive.
        empty: (slices,), bool: no mask here.
    """
    return boxes_around(rectangles(runs, shape[0]), shape[1:], margin, per_scan=per_scan)


def rectangles(runs: Runs, slices: tf.Tensor) -> tf.Tensor:
    """(slices, 4) int32 around the runs of each slice, all 0 where there are none."""
    slices = tf.cast(slices, tf.int64)

    def lowest(of: tf.Tensor) -> tf.Tensor:
        return tf.math.unsorted_segment_min(of, runs.slice, slices)

    def highest(of: tf.Tensor) -> tf.Tensor:
        return tf.math.unsorted_segment_max(of, runs.slice, slices)

    boxes = tf.stack([lowest(runs.row), lowest(runs.start), highest(runs.row + 1), highest(runs.stop)], 1)
    return tf.cast(tf.where(boxes[:, :1] > boxes[:, 2:3], tf.constant(0, tf.int64), boxes), tf.int32)


def boxes_around(found: tf.Tensor, shape: tf.Tensor, margin: int, *, per_scan: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Boxes and empty slices, as `mask_boxes` returns them, from `rectangles`; `shape` is (height, width)."""
    height, width = tf.unstack(shape)
    whole = tf.stack([0, 0, height, width])
    empty = found[:, 0] == found[:, 2]
    moved = found + tf.constant([-margin, -margin, margin, margin])
    moved = tf.clip_by_value(moved, 0, tf.stack([height, width, height, width]))
    vanished = (moved[:, 0] >= moved[:, 2]) | (moved[:, 1] >= moved[:, 3])
    boxes = tf.where(vanished[:, None], found, moved)
    if per_scan:
        # A slice without a mask has the whole slice turned inside out, which widens nothing.
        there = tf.where(empty[:, None], tf.stack([height, width, 0, 0]), boxes)
        around = tf.concat([tf.reduce_min(there[:, :2], 0), tf.reduce_max(there[:, 2:], 0)], 0)
        around = tf.where(tf.reduce_all(empty), whole, around)
        return tf.broadcast_to(around, tf.shape(boxes)), empty
    return tf.where(empty[:, None], whole, boxes), empty
