import tensorflow as tf


def bilinear(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """`cv2.resize` with `INTER_LINEAR` of OpenCV's own code in the graph, in its order of 32-bit arithmetic.

    Args:
        image: (height, width, channels), float32.
        size: (height, width), int32.

    Returns:
        (*size, channels), float32.
    """
    widened = _between_rows(tf.transpose(image, [1, 0, 2]), size[1])
    return _between_rows(tf.transpose(widened, [1, 0, 2]), size[0])


def scale_between(old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Old pixels to a new one, float64."""
    # Twice divided, as OpenCV has it: the last bit counts.
    return 1 / (tf.cast(new, tf.float64) / tf.cast(old, tf.float64))


def _between_rows(rows: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """(rows, columns, channels) to (count, columns, channels)."""
    old = tf.shape(rows)[0]
    place = tf.cast((tf.cast(tf.range(count), tf.float64) + 0.5) * scale_between(old, count) - 0.5, tf.float32)
    place = tf.clip_by_value(place, 0, tf.cast(old - 1, tf.float32))
    first = tf.floor(place)
    share = (place - first)[:, None, None]
    at = tf.cast(first, tf.int32)
    return tf.gather(rows, at) * (1 - share) + tf.gather(rows, tf.minimum(at + 1, old - 1)) * share
