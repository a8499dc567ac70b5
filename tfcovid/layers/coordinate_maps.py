import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class CoordinateMaps(keras.layers.Layer):
    """Where each point of a feature map lies: x, y and the distance to the centre, as three channels.

    x and y run from -1 at the first column and row to 1 at the last; the third channel is sqrt(x^2 + y^2).
    They let a convolution tell peripheral from central and lower from upper (M3Lung-Sys, section III-B.3).

    Input: `(batch, height, width, channels)`; only its shape is read.
    Output: `(batch, height, width, 3)`.
    """

    def call(self, features):
        batch, height, width = ops.shape(features)[:3]
        # Not linspace, which needs to know the sides when the graph is traced.
        y = ops.broadcast_to(_from_minus_one_to_one(height)[:, None], (height, width))
        x = ops.broadcast_to(_from_minus_one_to_one(width)[None, :], (height, width))
        maps = ops.stack([x, y, ops.sqrt(x * x + y * y)], axis=-1)
        return ops.cast(ops.broadcast_to(maps[None], (batch, height, width, 3)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:3], 3)


def _from_minus_one_to_one(side):
    return 2.0 * ops.arange(side, dtype="float32") / ops.cast(ops.maximum(side - 1, 1), "float32") - 1.0
