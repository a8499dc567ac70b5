import numpy as np
import tensorflow as tf

from tfcovid.preprocess import from_8bit as _from_8bit


def from_8bit(pixels: tf.Tensor, center: float, width: float) -> tf.Tensor:
    """`tfcovid.preprocess.from_8bit` in the graph: the same HU.

    Args:
        pixels: any shape, uint8.
        center, width: the window the pixels were made with, in HU.

    Returns:
        int16 of the same shape.

    Raises:
        InputError: the window is empty or leaves 16-bit HU.
    """
    return tf.gather(tf.constant(_from_8bit(np.arange(256, dtype=np.uint8), center, width)), tf.cast(pixels, tf.int32))
