import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class SliceRefinement(keras.layers.Layer):
    """Each slice of a scan borrows from the slices it resembles: multi-head attention with a skip connection.

    M3Lung-Sys, section III-C.1, equations 1 to 3. Its words put the affinity between slices, its printed sizes
    between channels, and it normalises by a plain sum: all are options.

    Input: features `(..., slices, channels)` and mask `(..., slices)`, true on real slices.
    Output: `(..., slices, channels)`. Padding takes no part; what stands in padded places has no meaning.

    Args:
        heads, head_size: h and D' of the paper, 12 and 512.
        affinity: "slice", scores scaled by 1/sqrt(head_size); or "channel", scaled by 1/sqrt(real slices), a sum over
            slices. Either way the weights of what is summed add up to one.
        normalisation: "softmax", or "sum" (divides by the sum of the scores, as printed; these can be near zero).
    """

    def __init__(
        self,
        heads: int = 12,
        head_size: int = 512,
        affinity: str = "slice",
        normalisation: str = "softmax",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if affinity not in ("slice", "channel") or normalisation not in ("softmax", "sum"):
            raise ValueError(
                "affinity is 'slice' or 'channel', normalisation 'softmax' or 'sum'. "
                f"Received: affinity={affinity!r}, normalisation={normalisation!r}"
            )
        self.heads, self.head_size = heads, head_size
        self.affinity, self.normalisation = affinity, normalisation

    def build(self, features_shape, slice_mask_shape=None):
        channels, inner = features_shape[-1], self.heads * self.head_size
        self.maps = [keras.layers.Dense(inner, name=f"map{i}", dtype=self.dtype_policy) for i in (1, 2, 3)]
        for dense in self.maps:
            dense.build((None, None, channels))
        self.expand = keras.layers.Dense(channels, name="expand", dtype=self.dtype_policy)
        self.expand.build((None, None, inner))

    def call(self, features, slice_mask):
        leading = ops.shape(features)[:-1]
        split = (*leading, self.heads, self.head_size)
        query, key, value = (ops.reshape(dense(features), split) for dense in self.maps)
        real = ops.cast(slice_mask, "float32")
        if self.affinity == "slice":
            scores = ops.cast(ops.einsum("...nhd,...mhd->...hnm", query, key), "float32") / self.head_size**0.5
            weights = _normalise(scores, real[..., None, None, :], self.normalisation)
            refined = ops.einsum("...hnm,...mhd->...nhd", ops.cast(weights, value.dtype), value)
        else:
            query = query * ops.cast(real, query.dtype)[..., None, None]
            count = ops.sum(real, axis=-1)[..., None, None, None]
            scores = ops.cast(ops.einsum("...nhd,...nhe->...hde", query, key), "float32") / ops.sqrt(count)
            weights = _normalise(scores, ops.ones_like(scores), self.normalisation)
            refined = ops.einsum("...hde,...nhe->...nhd", ops.cast(weights, value.dtype), value)
        return features + self.expand(ops.reshape(refined, (*leading, self.heads * self.head_size)))

    def compute_output_spec(self, features, slice_mask):
        return keras.KerasTensor(features.shape, dtype=self.compute_dtype)

    def get_config(self):
        names = ("heads", "head_size", "affinity", "normalisation")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _normalise(scores, real, normalisation: str):
    """Makes the last axis of `scores` sum to one over the places where `real` is 1."""
    if normalisation == "softmax":
        return ops.softmax(ops.where(real > 0, scores, -1e9), axis=-1)
    scores = scores * real
    total = ops.sum(scores, axis=-1, keepdims=True)
    away_from_zero = ops.where(total < 0, -1.0, 1.0) * ops.maximum(ops.abs(total), 1e-3)
    return scores / away_from_zero
