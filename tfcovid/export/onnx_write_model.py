import logging
from pathlib import Path

import keras
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

    made, _ = tf2onnx.convert.from_function(tf.function(outputs, specs, autograph=False), specs, opset=_OPSET)
    for one in (*made.graph.input, *made.graph.output):
        batch = one.type.tensor_type.shape.dim[0]
        if not batch.dim_value:
            batch.dim_param = "batch"
    path.write_bytes(made.SerializeToString())
