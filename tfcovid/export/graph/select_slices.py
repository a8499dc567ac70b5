import tensorflow as tf


def select_slices(areas: tf.Tensor, length: int | float) -> tuple[tf.Tensor, tf.Tensor]:
    """`tfcovid.preprocess.select_slices` in the graph: the same range.

    Args:
        areas: (slices,), int64, pixels; one slice or more.
        length: an int, the number of slices; or a float in (0, 1], the fraction of the scan.

    Returns:
        start, stop: slices [start, stop), int32.
    """
    slices = tf.size(areas)
    count = tf.minimum(_slice_count(length, slices), slices)
    running = tf.concat([[0], tf.cumsum(areas)], 0)
    sums = running[count:] - running[: slices + 1 - count]
    first = tf.cast(tf.where(sums == tf.reduce_max(sums))[0, 0], tf.int32)
    start = tf.where(tf.reduce_any(areas > 0), first, (slices - count) // 2)
    return start, start + count


def _slice_count(length: int | float, slices: tf.Tensor) -> tf.Tensor:
    if isinstance(length, int):
        return tf.constant(length)
    exact = length * tf.cast(slices, tf.float64)
    nearest = tf.round(exact)
    # Not rounded up for a hair above a whole number, which is how binary has it.
    count = tf.where(tf.abs(exact - nearest) < 5e-10, nearest, tf.math.ceil(exact))
    return tf.maximum(1, tf.cast(count, tf.int32))
