import math

import keras
from keras import ops

# Periods over the scan, from lowest to highest: the first tells the ends apart, the last neighbours among 64.
_LOWEST, _HIGHEST = 0.5, 32.0


@keras.saving.register_keras_serializable("tfcovid")
class SlicePositions(keras.layers.Layer):
    """Adds to every slice where in its scan it lies, so that attention knows the order of slices.

    Slice i of n real ones lies at (i + 0.5) / n of the scan: one scale for scans of any number of slices. The place is
    written as sines (first half of the channels) and cosines of half a period to 32 periods over the scan, in steps of
    an equal factor, after Vaswani and others (2017), whose positions are absolute. No weights.

    Input: features `(batch, slices, channels)`, channels even, and mask `(batch, slices)`, true on real slices, which
        come first.
    Output: `(batch, slices, channels)`.
    """

    def build(self, features_shape, slice_mask_shape=None):
        if features_shape[-1] % 2:
            raise ValueError(f"sines and cosines need an even number of channels. Received: {features_shape[-1]}")

    def call(self, features, slice_mask):
        half = features.shape[-1] // 2
        periods = [_LOWEST * (_HIGHEST / _LOWEST) ** (i / max(half - 1, 1)) for i in range(half)]
        real = ops.sum(ops.cast(slice_mask, "float32"), axis=1, keepdims=True)
        index = ops.arange(ops.shape(features)[1], dtype="float32")[None]
        place = (index + 0.5) / ops.maximum(real, 1.0)
        angle = 2 * math.pi * place[..., None] * ops.array(periods, "float32")
        waves = ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)
        return features + ops.cast(waves, features.dtype)

    def compute_output_spec(self, features, slice_mask):
        return keras.KerasTensor(features.shape, dtype=self.compute_dtype)
