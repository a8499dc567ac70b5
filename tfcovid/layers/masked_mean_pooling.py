import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class MaskedMeanPooling(keras.layers.Layer):
    """The mean of each feature over the real slices of a scan; zero for a scan without any.

    Input: features `(batch, slices, channels)` and mask `(batch, slices)`, true on real slices.
    Output: `(batch, channels)`.
    """

    def call(self, features, slice_mask):
        slice_mask = ops.cast(slice_mask, "bool")[..., None]
        # The sum over a long scan outgrows float16.
        total = ops.sum(ops.cast(ops.where(slice_mask, features, ops.zeros_like(features)), "float32"), axis=1)
        real = ops.sum(ops.cast(slice_mask, "float32"), axis=1)
        return ops.cast(total / ops.maximum(real, 1.0), features.dtype)

    def compute_output_spec(self, features, slice_mask):
        return keras.KerasTensor((features.shape[0], features.shape[-1]), dtype=features.dtype)
