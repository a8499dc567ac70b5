import tensorflow as tf

# OpenCV's weights of red, green and blue for brightness, in parts of 2 ** 15.
_GREY = (9798, 19235, 3735)


def picture_levels(encoded: tf.Tensor) -> tf.Tensor:
    """The grey levels of a PNG or JPEG in the graph, as `tfcovid.read_scan` reads them.

    Colour becomes brightness, an alpha channel is dropped, a palette is resolved. The graph fails in words for other
    formats, and for PNG of 16 bits, whose levels need a rule that nobody named.

    Args:
        encoded: (), string: the bytes of the file.

    Returns:
        (height, width), uint8.
    """
    words = "images: PNG or JPEG is read, with 8 bits a channel. Received: PNG, JPEG, of 16 bits:"
    is_png = tf.strings.substr(encoded, 0, 4) == b"\x89PNG"
    is_jpeg = tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"
    # The 25th byte of a PNG is its bits a channel.
    deep = is_png & (tf.strings.substr(encoded, 24, 1) == b"\x10")
    with tf.control_dependencies([tf.debugging.Assert((is_png | is_jpeg) & ~deep, [words, is_png, is_jpeg, deep])]):
        encoded = tf.identity(encoded)
    pixels = tf.cond(
        is_png,
        lambda: tf.io.decode_png(encoded),
        lambda: tf.io.decode_jpeg(encoded, dct_method="INTEGER_ACCURATE"),
    )
    coloured = tf.shape(pixels)[2] > 2
    return tf.cond(coloured, lambda: _brightness(pixels[..., :3]), lambda: pixels[..., 0])


def _brightness(pixels: tf.Tensor) -> tf.Tensor:
    weighted = tf.reduce_sum(tf.cast(pixels, tf.int32) * tf.constant(_GREY), -1)
    return tf.cast(tf.bitwise.right_shift(weighted + 2**14, 15), tf.uint8)
