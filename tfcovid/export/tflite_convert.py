import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

PRECISIONS = ("float32", "float16", "dynamic", "int8")


def tflite_convert(saved: Path, precision: str, samples: np.ndarray | None = None) -> bytes:
    """A SavedModel of `save_frozen` as a TFLite file of built-in operators only.

    Inputs and outputs are float32 in every precision: whoever changes it changes a file and nothing else. An int8 input
    would save one pass over a slice of some 30, and ask every client to know the scale.

    Args:
        precision: "float32"; "float16", weights of half the size; "dynamic", weights in int8 and features in float32;
            "int8", both, in integer arithmetic.
        samples: `(samples, height, width, 1)`, what the model's one input "levels" sees, for "int8": the range of each
            feature map is that on these.

    Raises:
        ValueError: what the converter raises for an operator without a built-in of this precision.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ({"levels": one[np.newaxis]} for one in samples)
    with warnings.catch_warnings():
        # The converter calls its own interpreter, which says that users should call another.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        return converter.convert()
