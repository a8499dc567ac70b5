import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class SliceAggregation(keras.layers.Layer):
    """Sums the slices of a scan into one feature, weighted by how well each answers a learnt query.

    One head; the query is a weight of the layer, keys and values are dense maps that keep the number of
    channels, scores are scaled by 1/sqrt(channels) and go through a softmax (M3Lung-Sys, section III-C.1, figure 6c).

    Input: features `(..., slices, channels)` and mask `(..., slices)`, true on real slices.
    Output: `(..., channels)`.
    """

    def build(self, features_shape, slice_mask_shape=None):
        channels = features_shape[-1]
        self.query = self.add_weight(shape=(channels,), initializer="random_normal", name="query")
        # A bias of the keys would add the same to every score, which the softmax takes out again.
        self.key = self.add_weight(shape=(channels, channels), name="key")
        self.value = keras.layers.Dense(channels, name="value", dtype=self.dtype_policy)
        self.value.build((None, channels))

    def call(self, features, slice_mask):
        # Both maps are linear, so the key map is taken over to the query and the value map behind the sum: the same
        # result for the work of one slice instead of all.
        query = ops.cast(ops.matmul(self.key, self.query), self.compute_dtype)
        scores = ops.cast(ops.matmul(features, query), "float32") / features.shape[-1] ** 0.5
        weights = ops.softmax(ops.where(slice_mask, scores, -1e9), axis=-1)
        pooled = ops.sum(features * ops.cast(weights, self.compute_dtype)[..., None], axis=-2)
        return self.value(pooled)

    def compute_output_spec(self, features, slice_mask):
        return keras.KerasTensor((*features.shape[:-2], features.shape[-1]), dtype=self.compute_dtype)
