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
        y = ops.linspace(-1.0, 1.0, height, dtype="float32")[:, None] * ops.ones((1, width))
        x = ops.linspace(-1.0, 1.0, width, dtype="float32")[None, :] * ops.ones((height, 1))
        maps = ops.stack([x, y, ops.sqrt(x * x + y * y)], axis=-1)
        return ops.cast(ops.broadcast_to(maps[None], (batch, height, width, 3)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:3], 3)
