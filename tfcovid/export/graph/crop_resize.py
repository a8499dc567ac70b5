import tensorflow as tf

from tfcovid.export.graph.bilinear import bilinear, scale_between

_EPSILON = 2.0**-52


def crop_resize(hu: tf.Tensor, boxes: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """`tfcovid.preprocess.crop_resize` in the graph: area means where a side shrinks, bilinear where it grows.

    The arithmetic is that of OpenCV's own code, in 32-bit floats and in its order, and so are the pixels.

    Args:
        hu: (slices, height, width), int16.
        boxes: (slices, 4), int32: top, left, bottom, right in pixels, bottom and right exclusive.
        size: (height, width).

    Returns:
        (slices, *size), int16.
    """

    def one(of: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        image, (top, left, bottom, right) = of[0], tf.unstack(of[1])
        return _resized(image[top:bottom, left:right], tf.constant(size))

    return tf.map_fn(one, (hu, boxes), fn_output_signature=tf.TensorSpec(size, hu.dtype))


def _resized(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    smaller = tf.minimum(tf.shape(image), size)
    image = tf.cond(tf.reduce_all(smaller == tf.shape(image)), lambda: image, lambda: _shrunk(image, smaller))
    return tf.cond(tf.reduce_all(smaller == size), lambda: image, lambda: _grown(image, size))


def _shrunk(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """(height, width) int16 by area means."""
    scale = scale_between(tf.shape(image), size)
    whole = tf.round(scale)
    in_blocks = tf.reduce_all(tf.abs(scale - whole) < _EPSILON)
    return tf.cond(
        in_blocks, lambda: _block_means(image, size, tf.cast(whole, tf.int32)), lambda: _area_means(image, size)
    )


def _block_means(image: tf.Tensor, size: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
    blocks = tf.reshape(tf.cast(image, tf.int32), [size[0], block[0], size[1], block[1]])
    total = tf.reduce_sum(blocks, [1, 3])
    mean = tf.round(tf.cast(total, tf.float32) * (1 / tf.cast(tf.reduce_prod(block), tf.float32)))
    # Of 2 x 2 pixels OpenCV rounds halves up, of others to even.
    halves_up = tf.bitwise.right_shift(total + 2, 2)
    return tf.cast(tf.where(tf.reduce_all(block == 2), halves_up, tf.cast(mean, tf.int32)), image.dtype)


def _area_means(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    # Whole rows are taken faster than columns: the image is laid on its side first.
    narrowed = _weighted_rows(tf.transpose(tf.cast(image, tf.float32)), size[1])
    return tf.cast(tf.round(_weighted_rows(tf.transpose(narrowed), size[0])), image.dtype)


def _weighted_rows(rows: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """(rows, columns) float32 to (count, columns): the mean of the rows that each new one covers."""
    old = tf.shape(rows)[0]
    length, scale = tf.cast(old, tf.float64), scale_between(old, count)
    begin = tf.cast(tf.range(count), tf.float64) * scale
    end = begin + scale
    covered = tf.minimum(scale, length - begin)
    last = tf.minimum(tf.floor(end), length - 1)
    first = tf.minimum(tf.math.ceil(begin), last)
    # Shares of a row below a thousandth are left out, as OpenCV does.
    start = tf.where(first - begin > 1e-3, first - 1, first)
    stop = tf.where(end - last > 1e-3, last + 1, last)

    def add(n: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        at = start + tf.cast(n, tf.float64)
        share = tf.where(at < first, first - begin, tf.clip_by_value(end - at, 0, 1))
        share = tf.where(at < stop, share / covered, 0)
        row = tf.gather(rows, tf.cast(tf.minimum(at, length - 1), tf.int32))
        return n + 1, total + row * tf.cast(share, tf.float32)[:, None]

    most = tf.cast(tf.reduce_max(stop - start), tf.int32)
    total = tf.zeros([count, tf.shape(rows)[1]])
    invariants = tf.TensorShape([]), tf.TensorShape([None, None])
    return tf.while_loop(lambda n, _: n < most, add, (tf.constant(0), total), invariants)[1]


def _grown(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """(height, width) int16, bilinear."""
    return tf.cast(tf.round(bilinear(tf.cast(image, tf.float32)[..., None], size)[..., 0]), image.dtype)
