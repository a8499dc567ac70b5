from pathlib import Path

import keras
import tensorflow as tf

# Not part of TensorFlow's public interface, and the way that its own converters freeze; nothing public does.
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def save_frozen(model: keras.Model, folder: str | Path) -> None:
    """Writes a functional model as a SavedModel whose weights are constants: what every other format is made from.

    Converters look for variables by names that Keras gives otherwise than TensorFlow; where there are none, none is
    missed. The one signature, "serving_default", has the inputs of the model by their names, and its outputs by their
    keys, or "output" where there is one without a key. Whatever sides the model leaves open stay open.
    """
    specs = [tf.TensorSpec(one.shape, one.dtype, one.name) for one in model.inputs]

    def outputs(*inputs: tf.Tensor) -> list[tf.Tensor]:
        found = model(tf.nest.pack_sequence_as(model.input, inputs), training=False)
        return [found[name] for name in names] if isinstance(found, dict) else [found]

    names = list(model.output) if isinstance(model.output, dict) else ["output"]
    constants = convert_variables_to_constants_v2(tf.function(outputs, specs, autograph=False).get_concrete_function())

    def serving_default(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(names, constants(*inputs), strict=True))

    signature = tf.function(serving_default, specs, autograph=False).get_concrete_function()
    # Gradients are not exported: those of EfficientNet capture what a frozen graph does not hold.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(tf.Module(), str(folder), signatures={"serving_default": signature}, options=options)
