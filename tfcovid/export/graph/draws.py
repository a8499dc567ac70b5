import numpy as np
import tensorflow as tf

from tfcovid.inference.system import drawn_slices

# A table of the draws goes with the graph, which cannot work NumPy's generator. No chest CT has as many slices.
LONGEST = 2048


def draws(slices: tf.Tensor, count: int | None, times: int, seed: int) -> tf.Tensor:
    """`tfcovid.inference.system.drawn_slices` in the graph: the same slices.

    Args:
        slices: of the scan, int32; `LONGEST` at most where `count` is given, or the graph fails in words.

    Returns:
        (draws, slices drawn), int32: all of the scan, or `count` of them, `times` times.
    """
    everything = tf.range(slices)[None]
    if count is None:
        return everything
    longest = max(LONGEST, count + 1)
    table = np.array([drawn_slices(n, count, times, seed) for n in range(count + 1, longest + 1)], np.int16)
    words = f"hu: {longest} slices of a scan are read at most; send a part of it. Received: slices"
    with tf.control_dependencies([tf.debugging.Assert(slices <= longest, [words, slices])]):
        slices = tf.identity(slices)
    return tf.cond(slices <= count, lambda: everything, lambda: tf.cast(tf.gather(table, slices - count - 1), tf.int32))
