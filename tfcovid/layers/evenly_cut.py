import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class EvenlyCut(keras.layers.Layer):
    """Cuts each scan of a padded batch evenly into `parts` runs of slices.

    Part i of a scan of n slices covers floor(i n / parts) up to ceil((i + 1) n / parts), so that every part holds
    at least one slice even where n < parts (M3Lung-Sys, section III-C.2, cuts "evenly" and leaves the rounding
    open).

    Input: features `(batch, slices, channels)` and mask `(batch, slices)`, true on real slices, which come first.
    Output: features `(batch, parts, slices // parts + 2, channels)`, no longer than a part can be, and their mask.
    """

    def __init__(self, parts: int, **kwargs):
        super().__init__(**kwargs)
        if parts < 1:
            raise ValueError(f"a scan is cut into one part or more. Received: parts={parts}")
        self.parts = parts

    def call(self, features, slice_mask):
        batch, slices, channels = ops.shape(features)
        counts = ops.sum(ops.cast(slice_mask, "int32"), axis=1, keepdims=True)
        part = ops.arange(self.parts, dtype="int32")[None]
        start = part * counts // self.parts
        stop = ((part + 1) * counts + self.parts - 1) // self.parts
        within = ops.arange(slices // self.parts + 2, dtype="int32")
        index = start[..., None] + within
        inside = index < stop[..., None]
        length = slices // self.parts + 2
        flat = ops.reshape(ops.minimum(index, slices - 1), (batch, self.parts * length))
        cut = ops.take_along_axis(features, flat[..., None], axis=1)
        return ops.reshape(cut, (batch, self.parts, length, channels)), inside

    def compute_output_spec(self, features, slice_mask):
        batch, slices, channels = features.shape
        length = None if slices is None else slices // self.parts + 2
        return (
            keras.KerasTensor((batch, self.parts, length, channels), dtype=features.dtype),
            keras.KerasTensor((batch, self.parts, length), dtype="bool"),
        )

    def get_config(self):
        return {**super().get_config(), "parts": self.parts}
