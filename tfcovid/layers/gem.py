import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class GeM(keras.layers.Layer):
    """Generalised mean pooling: (mean of x^p)^(1/p) over all places, the mean at p = 1 and near the maximum at large p.

    Res-Dense stacking gives the formula with a p for each channel (equation 3). p = 3 to start from, learnt, and one
    p for the layer are those of the paper it goes back to (Radenovic, Tolias and Chum, arXiv 1711.02512).

    Meant for features that are not negative, as after a ReLU: what is below `epsilon` is raised to it. The weight
    `p` is held at 1 or more in training; weight decay would pull it towards 0 and should leave it out.

    Input: `(batch, ..., channels)` with one axis of places or more: a sequence, an image or a volume.
    Output: `(batch, channels)`.

    Args:
        p: the exponent to start from, 1 or more.
        learnable: whether training moves p.
        per_channel: a p for each channel instead of one for all.
        epsilon: the smallest value a feature is taken for.
    """

    def __init__(
        self, p: float = 3.0, learnable: bool = True, per_channel: bool = False, epsilon: float = 1e-6, **kwargs
    ):
        super().__init__(**kwargs)
        if not (1 <= p < math.inf and epsilon > 0):
            raise ValueError(f"p is 1 or more and finite, epsilon above 0. Received: p={p}, epsilon={epsilon}")
        self.initial_p, self.learnable, self.per_channel, self.epsilon = p, learnable, per_channel, epsilon

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(f"features are (batch, ..., channels). Received: input_shape={input_shape}")
        self.p = self.add_weight(
            shape=(input_shape[-1],) if self.per_channel else (),
            initializer=keras.initializers.Constant(self.initial_p),
            constraint=_at_least_one,
            trainable=self.learnable,
            dtype="float32",
            autocast=False,
            name="p",
        )

    def call(self, features):
        features = ops.maximum(ops.cast(features, "float32"), self.epsilon)
        places = tuple(range(1, len(features.shape) - 1))
        # Powers of what is left after dividing by the largest feature cannot overflow. The result does not depend on
        # the divisor, so no gradient needs to pass through it.
        largest = ops.stop_gradient(ops.max(features, axis=places, keepdims=True))
        powers = ops.exp(self.p * (ops.log(features) - ops.log(largest)))
        mean = ops.mean(powers, axis=places)
        pooled = ops.squeeze(largest, axis=places) * ops.exp(ops.log(mean) / self.p)
        return ops.cast(pooled, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        own = {
            "p": self.initial_p,
            "learnable": self.learnable,
            "per_channel": self.per_channel,
            "epsilon": self.epsilon,
        }
        return {**super().get_config(), **own}


def _at_least_one(p):
    return ops.maximum(p, 1.0)
