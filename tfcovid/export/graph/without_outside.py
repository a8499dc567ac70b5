import math

import tensorflow as tf

from tfcovid.config import Config


def without_outside(hu: tf.Tensor, lungs: tf.Tensor, config: Config) -> tf.Tensor:
    """What `tfcovid.data.network_slices` shows of pixels outside the lungs, in the graph: white, or the lungs' mean.

    Args:
        hu: (slices, height, width), int16.
        lungs: the same shape, bool. A slice without lung stays as it is.
        config: whose `crop.outside` says how.
    """
    window = config.window
    if config.crop.outside == "white":
        white = math.ceil(max(*window.train, *window.predict) + window.width / 2)
        outside = tf.constant(white, hu.dtype)
    else:
        count = tf.reduce_sum(tf.cast(lungs, tf.int64), [1, 2], keepdims=True)
        total = tf.reduce_sum(tf.cast(tf.where(lungs, hu, tf.zeros_like(hu)), tf.int64), [1, 2], keepdims=True)
        outside = tf.cast(tf.round(total / tf.maximum(count, 1)), hu.dtype)
    there = tf.reduce_any(lungs, [1, 2], keepdims=True)
    return tf.where(lungs | ~there, hu, outside)
