import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class ClearPadding(keras.layers.Layer):
    """Sets what stands behind the last slice of a scan to zero, whatever it was.

    Input: features `(batch, slices, channels)` and mask `(batch, slices)`, true on real slices.
    Output: `(batch, slices, channels)`.
    """

    def call(self, features, slice_mask):
        return ops.where(ops.cast(slice_mask, "bool")[..., None], features, ops.zeros_like(features))

    def compute_output_spec(self, features, slice_mask):
        return keras.KerasTensor(features.shape, dtype=self.compute_dtype)
