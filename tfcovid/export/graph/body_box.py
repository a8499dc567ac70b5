from functools import cache

import numpy as np
import tensorflow as tf

from tfcovid.export.graph.in_chunks import in_chunks
from tfcovid.export.graph.minimum_filter import minimum_filter
from tfcovid.export.graph.runs import runs
from tfcovid.export.graph.traced import traced
from tfcovid.preprocess.body_box import lowest_value

_CHUNK = 16  # slices


def body_box(hu: tf.Tensor) -> tf.Tensor:
    """`tfcovid.preprocess.body_box` at its defaults in the graph: the same boxes.

    Args:
        hu: (slices, height, width), int16, HU; one slice or more.

    Returns:
        (slices, 4), int32: top, left, bottom, right in pixels; bottom and right exclusive.
    """
    return in_chunks(_of_chunk(), (hu,), _CHUNK)


@cache
def _of_chunk() -> tf.types.experimental.ConcreteFunction:
    return traced(body_rectangles)


def body_rectangles(
    hu: tf.Tensor, minimum: int = 10, threshold: int = 100, window: tuple[float, float] = (-600.0, 1500.0)
) -> tf.Tensor:
    """The same of a few slices at once."""
    body = minimum_filter(hu >= lowest_value(np.dtype(np.int16), threshold, window), minimum)
    top, bottom = _longest_run(tf.reduce_any(body, 2))
    left, right = _longest_run(tf.reduce_any(body, 1))
    boxes = tf.stack([top, left, bottom, right], 1)
    whole = tf.stack([0, 0, *tf.unstack(tf.shape(hu, tf.int64)[1:])])
    return tf.cast(tf.where((top == bottom)[:, None], whole, boxes), tf.int32)


def _longest_run(present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Start and stop of the longest run of True in each row, the first of equals; 0 and 0 where there is none."""
    found = runs(present[:, None])
    rows = tf.shape(present, tf.int64)[0]
    longest = tf.math.unsorted_segment_max(found.stop - found.start, found.slice, rows)
    longest = tf.maximum(longest, 0)
    first = found.where(found.stop - found.start == tf.gather(longest, found.slice))
    start = tf.math.unsorted_segment_min(first.start, first.slice, rows)
    start = tf.where(longest > 0, start, 0)
    return start, start + longest
