import keras
from keras import ops

# Log-odds of a place. They average to those of the slice and so lie far beyond them: networks trained here have 5 to 10
# in a lesion, up to 25. Without the divisor the map saturates and a lesion does not stand out from what is beside it.
SCALE = 8.0


@keras.saving.register_keras_serializable("tfcovid")
class EvidenceMap(keras.layers.Layer):
    """Where a slice shows what its classifier calls disease, from the classifier's output weights (paper 001).

    Behind a pooled mean, a linear head says of a slice the mean of what it says of the slice's places (class activation
    map, Zhou and others, arXiv 1512.04150). What it says of a place are the log-odds of any label but the first. The
    map is tanh(log-odds / 8), and 0 where they speak for the first label, times the slice's probability of any other:
    the scale is fixed, and a slice called healthy stays cold. It passes 0.5 in a slice that is surely diseased where
    the head would give the place alone 99 %.

    The weights are those of the head and not trained.

    Input: features `(batch, ..., channels)` as the pooling takes them, and probabilities `(batch, labels)`, or
        `(batch, 1)` of the second of two labels.
    Output: `(batch, ..., 1)` in [0, 1], float32.

    Args:
        scores: logits of the head: one a label, or one that is of the second of two.
        epsilon: of the generalised mean pooling before the head; None for the plain mean. Each place then counts by
            its share of the powers.
    """

    def __init__(self, scores: int, epsilon: float | None = None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs, "trainable": False})
        self.scores, self.epsilon = scores, epsilon

    def build(self, features_shape, disease_shape):
        channels = features_shape[-1]
        self.kernel = self.add_weight(shape=(channels, self.scores), name="kernel")
        self.bias = self.add_weight(shape=(self.scores,), initializer="zeros", name="bias")
        if self.epsilon is not None:
            self.p = self.add_weight(shape=(channels,), initializer="ones", name="p")

    def call(self, features, disease):
        places = tuple(range(1, len(features.shape) - 1))
        scores = ops.matmul(self._averaged(features, places), self.kernel) + self.bias
        log_odds = scores
        if self.scores > 1:
            log_odds = ops.logsumexp(scores[..., 1:], axis=-1, keepdims=True) - scores[..., :1]
        ill = disease if disease.shape[-1] == 1 else 1 - disease[:, :1]
        return ops.tanh(ops.relu(log_odds) / SCALE) * ops.reshape(ill, (-1, *[1] * len(places), 1))

    def _averaged(self, features, places):
        """What the pooled features are the plain mean of."""
        if self.epsilon is None:
            return features
        features = ops.maximum(features, self.epsilon)
        largest = ops.max(features, axis=places, keepdims=True)
        powers = ops.power(features / largest, self.p)
        mean = ops.mean(powers, axis=places, keepdims=True)
        return powers / mean * largest * ops.power(mean, 1 / self.p)

    def compute_output_shape(self, features_shape, disease_shape):
        return (*features_shape[:-1], 1)

    def get_config(self):
        return {**super().get_config(), "scores": self.scores, "epsilon": self.epsilon}
