import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class MaxPooling3D(keras.layers.Layer):
    """What `keras.layers.MaxPooling3D` gives, exactly, from two 2-D poolings: TFLite has no 3-D one built in.

    Input: `(batch, slices, height, width, channels)`.
    Output: the same with each side (side - pool_size) // strides + 1; no padding.
    """

    def __init__(self, pool_size: int = 2, strides: int | None = None, **kwargs):
        super().__init__(**kwargs)
        strides = pool_size if strides is None else strides
        if min(pool_size, strides) < 1:
            raise ValueError(
                f"pool_size and strides are 1 or more. Received: pool_size={pool_size!r}, strides={strides!r}"
            )
        self.pool_size, self.strides = pool_size, strides

    def call(self, x):
        sides, channels = ops.shape(x)[1:4], x.shape[-1]
        slices, height, width = self._pooled(sides)
        # The one unknown that a reshape may have is the batch, so that fixed sides stay fixed in an exported graph.
        x = ops.reshape(x, (-1, sides[1], sides[2], channels))
        x = ops.max_pool(x, self.pool_size, self.strides)
        x = ops.reshape(x, (-1, sides[0], height * width, channels))
        x = ops.max_pool(x, (self.pool_size, 1), (self.strides, 1))
        return ops.reshape(x, (-1, slices, height, width, channels))

    def _pooled(self, sides):
        return tuple(None if side is None else (side - self.pool_size) // self.strides + 1 for side in sides)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._pooled(input_shape[1:4]), input_shape[-1])

    def compute_output_spec(self, x):
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size, "strides": self.strides}
