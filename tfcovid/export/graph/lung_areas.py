from functools import cache

import numpy as np
import tensorflow as tf

from tfcovid.export.graph.body_box import body_rectangles
from tfcovid.export.graph.connected_to import connected_to
from tfcovid.export.graph.in_chunks import in_chunks
from tfcovid.export.graph.minimum_filter import minimum_filter
from tfcovid.export.graph.runs import runs
from tfcovid.export.graph.traced import traced
from tfcovid.preprocess.body_box import lowest_value

_CHUNK = 16  # slices


def lung_areas(hu: tf.Tensor) -> tf.Tensor:
    """`tfcovid.preprocess.lung_areas` at its defaults in the graph: the same areas.

    Args:
        hu: (slices, height, width), int16, HU; one slice or more.

    Returns:
        (slices,), int64, pixels.
    """
    return in_chunks(_of_chunk(), (hu,), _CHUNK)


@cache
def _of_chunk() -> tf.types.experimental.ConcreteFunction:
    return traced(_areas)


def _areas(
    hu: tf.Tensor, minimum: int = 5, threshold: int = 100, window: tuple[float, float] = (-600.0, 1500.0)
) -> tf.Tensor:
    slices, height, width = tf.unstack(tf.shape(hu, tf.int64))
    top, left, bottom, right = tf.unstack(tf.cast(body_rectangles(hu), tf.int64), axis=1)
    row, column = tf.range(height), tf.range(width)
    rows, columns = (
        (at >= first[:, None]) & (at < behind[:, None])
        for at, first, behind in ((row, top, bottom), (column, left, right))
    )
    body = rows[:, :, None] & columns[:, None]
    lowest = lowest_value(np.dtype(np.int16), threshold, window)
    # Outside the body the filter finds nothing dark, as if the slice ended there.
    dark = runs(~minimum_filter((hu >= lowest) | ~body, minimum) & body)

    def of_slice(edge: tf.Tensor) -> tf.Tensor:
        return tf.gather(edge, dark.slice)

    edge = (dark.row == of_slice(top)) | (dark.row == of_slice(bottom) - 1)
    edge |= (dark.start == of_slice(left)) | (dark.stop == of_slice(right))
    lung = dark.where(~connected_to(dark, edge, tf.shape(hu)[1:], connectivity=4))
    return tf.math.unsorted_segment_sum(lung.stop - lung.start, lung.slice, slices)
