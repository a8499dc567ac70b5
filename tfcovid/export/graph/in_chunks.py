from typing import Any

import tensorflow as tf


def in_chunks(of_chunk: tf.types.experimental.ConcreteFunction, inputs: tuple[tf.Tensor, ...], size: int) -> Any:
    """What a function gives of `inputs`, worked out `size` entries of the first axis at a time, in the graph.

    The memory that it works in is that of two chunks, however long the inputs are.

    Args:
        of_chunk: tensors whose first axis is that of the inputs, to a nest of such tensors. Traced already: a graph
            that needs it in several places holds it once.
        inputs: of one length, 1 or more.
    """
    count = tf.shape(inputs[0])[0]
    arrays = tuple(
        tf.TensorArray(one.dtype, 0, True, infer_shape=False, element_shape=[None, *one.shape[1:]])
        for one in tf.nest.flatten(of_chunk.structured_outputs)
    )

    def step(start: tf.Tensor, arrays: tuple) -> tuple:
        found = tf.nest.flatten(of_chunk(*(one[start : start + size] for one in inputs)))
        return start + size, tuple(to.write(start // size, one) for to, one in zip(arrays, found, strict=True))

    _, arrays = tf.while_loop(lambda start, _: start < count, step, (tf.constant(0), arrays), parallel_iterations=2)
    return tf.nest.pack_sequence_as(of_chunk.structured_outputs, [one.concat() for one in arrays])
