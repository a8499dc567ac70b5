import tensorflow as tf

from tfcovid.export.graph.runs import Runs


def filled(runs: Runs, shape: tf.Tensor) -> tf.Tensor:
    """The mask that runs are of, in the graph: the way back from `runs`.

    Args:
        shape: (slices, height, width) of the mask.

    Returns:
        (slices, height, width), bool.
    """
    slices, height, width = tf.unstack(tf.cast(shape, tf.int64))
    # A column more: a run may stop behind the last one.
    line = (runs.slice * height + runs.row) * (width + 1)
    at = tf.concat([line + runs.start, line + runs.stop], 0)
    step = tf.concat([tf.ones_like(runs.start, tf.int8), -tf.ones_like(runs.stop, tf.int8)], 0)
    steps = tf.scatter_nd(at[:, None], step, [slices * height * (width + 1)])
    return tf.cumsum(tf.reshape(steps, [slices, height, width + 1]), 2)[..., :-1] > 0
