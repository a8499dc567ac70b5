import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class MaskedMaxPooling(keras.layers.Layer):
    """The largest value of each feature over the real slices of a scan.

    Input: features `(batch, slices, channels)` and mask `(batch, slices)`, true on real slices.
    Output: `(batch, channels)`.
    """

    def call(self, features, slice_mask):
        lowest = ops.full_like(features, -3e4)  # fits float16
        return ops.max(ops.where(slice_mask[..., None], features, lowest), axis=1)

    def compute_output_spec(self, features, slice_mask):
        return keras.KerasTensor((features.shape[0], features.shape[-1]), dtype=features.dtype)
