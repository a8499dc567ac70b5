import inspect

import tensorflow as tf

from tfcovid.export.graph.components import components
from tfcovid.export.graph.runs import Runs
from tfcovid.preprocess import largest_components as _largest_components

_SHARE = inspect.signature(_largest_components).parameters["share"].default


def largest_components(runs: Runs, shape: tf.Tensor, *, per_slice: bool = False) -> Runs:
    """`tfcovid.preprocess.largest_components` at its default in the graph, on runs: the same voxels.

    Args:
        runs: of a mask, in reading order.
        shape: (slices, height, width) of the mask.
        per_slice: every slice is a mask by itself.
    """
    component, count = components(runs, shape[1:], 4 if per_slice else 6)
    voxels = tf.math.unsorted_segment_sum(runs.stop - runs.start, component, count)
    size = tf.gather(voxels, component)
    # Of one mask all runs are compared with the largest, of single slices each with that of its own.
    whole = runs.slice if per_slice else tf.zeros_like(runs.slice)
    largest = tf.math.unsorted_segment_max(size, whole, tf.cast(shape[0], tf.int64))
    least = tf.constant(_SHARE, tf.float64) * tf.cast(tf.gather(largest, whole), tf.float64)
    return runs.where(tf.cast(size, tf.float64) >= least)
