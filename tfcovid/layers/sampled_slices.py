import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class SampledSlices(keras.layers.Layer):
    """A fixed number of slices of every scan, whatever its length: random in training, evenly spaced otherwise.

    SSFL's eff-mix-conv (section 3.1) reads 100 slices of a scan. Of a scan of n real slices, output i is slice
    floor((i + 0.5) n / count) outside training. In training every real slice is taken count // n times and the
    remaining count mod n are drawn without replacement, in the order of the scan: a draw without replacement where
    n >= count, as even a repetition as can be where n < count. Called with `training=True` the layer draws anew, for
    the mean over several runs.

    Input: features `(batch, slices, channels)` and mask `(batch, slices)`, true on real slices, which come first and
        number one or more.
    Output: `(batch, count, channels)`, real slices only.
    """

    def __init__(self, count: int = 100, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if count < 1:
            raise ValueError(f"one slice or more is taken of a scan. Received: count={count}")
        self.count, self.seed = count, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, features, slice_mask, training=False):
        real = ops.sum(ops.cast(slice_mask, "int32"), axis=1, keepdims=True)
        places = ops.arange(self.count, dtype="int32")[None]
        # Whole numbers: (i + 0.5) n / count without rounding.
        index = self._draw(slice_mask, real, places) if training else (2 * places + 1) * real // (2 * self.count)
        return ops.take_along_axis(features, index[..., None], axis=1)

    def _draw(self, slice_mask, real, places):
        slice_mask = ops.cast(slice_mask, "bool")
        keys = keras.random.uniform(ops.shape(slice_mask), dtype="float32", seed=self.seed_generator)
        # The numbers 0 to n - 1 in random order, one for each real slice, and larger ones on padding.
        shuffled = ops.cast(ops.argsort(ops.where(slice_mask, keys, 2.0), axis=1), "int32")
        times = self.count // real + ops.cast(shuffled < self.count % real, "int32")
        taken = ops.cumsum(ops.where(slice_mask, times, 0), axis=1)
        # The slice of a place is the first whose running total exceeds it.
        return ops.sum(ops.cast(taken[:, None, :] <= places[..., None], "int32"), axis=-1)

    def compute_output_spec(self, features, slice_mask, training=False):
        return keras.KerasTensor((features.shape[0], self.count, features.shape[-1]), dtype=features.dtype)

    def get_config(self):
        return {**super().get_config(), "count": self.count, "seed": self.seed}
