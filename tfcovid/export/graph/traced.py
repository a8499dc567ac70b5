from collections.abc import Callable, Sequence

import tensorflow as tf

STACK = tf.TensorSpec([None, None, None], tf.int16, "hu")  # (slices, height, width)


def traced(
    function: Callable[..., object], inputs: Sequence[tf.TensorSpec] = (STACK,)
) -> tf.types.experimental.ConcreteFunction:
    """A function of tensors as a graph, traced this once: whatever calls it shares it."""
    return tf.function(function, list(inputs), autograph=False).get_concrete_function()
