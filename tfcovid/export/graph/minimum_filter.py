import tensorflow as tf


def minimum_filter(mask: tf.Tensor, size: int) -> tf.Tensor:
    """Where a square of size x size pixels holds nothing but True, in the graph.

    The square reaches from size // 2 before a pixel on. What lies outside the image takes no part.

    Args:
        mask: (slices, height, width), bool.
    """
    return ~_widened(_widened(~mask, size, 1), size, 2)


def _widened(mask: tf.Tensor, size: int, axis: int) -> tf.Tensor:
    """True where any of `size` neighbours along an axis is."""
    length = tf.shape(mask)[axis]
    beyond = [[0, 0]] * 3
    beyond[axis] = [size // 2, size - 1 - size // 2]
    mask, reach = tf.pad(mask, beyond), 1
    while reach < size:  # twice as many neighbours at every step
        step = min(reach, size - reach)
        mask = _part(mask, axis, 0, -step) | _part(mask, axis, step, None)
        reach += step
    return _part(mask, axis, 0, length)


def _part(mask: tf.Tensor, axis: int, start: int, stop: int | tf.Tensor | None) -> tf.Tensor:
    return mask[(slice(None),) * axis + (slice(start, stop),)]
