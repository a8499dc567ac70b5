import logging
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

_OPSET = 18


def onnx_write_model(model: keras.Model, path: Path) -> None:
    """Writes a functional model with a dictionary of outputs as an ONNX file.

    Names of inputs and outputs are those of the model; what it leaves open stays open, the first axis as "batch".
    """
    import tf2onnx

    # It logs a traceback for each simplification that it goes without.
    logging.getLogger("tf2onnx.optimizer").setLevel(logging.ERROR)
    specs = [tf.TensorSpec(one.shape, one.dtype, one.name) for one in model.inputs]

    def outputs(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(tf.nest.pack_sequence_as(model.input, inputs), training=False)

    function = tf.function(outputs, specs, autograph=False)
    handlers = {"Erfc": (_erfc, [])}
    made, _ = tf2onnx.convert.from_function(function, specs, opset=_OPSET, custom_op_handlers=handlers)
    for one in (*made.graph.input, *made.graph.output):
        batch = one.type.tensor_type.shape.dim[0]
        if not batch.dim_value:
            batch.dim_param = "batch"
    path.write_bytes(made.SerializeToString())


def _erfc(graph, node, name, args):
    """1 - erf, in which ONNX has what Keras's gelu is made of; tf2onnx knows erf alone."""
    node.type = "Erf"
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    graph.insert_new_node_on_output("Sub", node.output[0], f"{name}_sub", [one.output[0], node.output[0]])
