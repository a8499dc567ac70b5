import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class DropPath(keras.layers.Layer):
    """Stochastic depth: in training the whole branch of a sample is zero with probability `rate`.

    What stays is divided by 1 - rate, so that the expected value is that of the branch and nothing changes outside
    training (Huang and others, arXiv 1603.09382, who scale outside training instead).

    Input: `(batch, ...)`. Output: the same shape.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate is the probability of a drop, 0 or more and below 1. Received: rate={rate}")
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, branch, training=False):
        if not training or self.rate == 0:
            return branch
        shape = (ops.shape(branch)[0], *[1] * (len(branch.shape) - 1))
        # A draw in bfloat16 has steps of 1/128, coarser than the rates of the first blocks of a network.
        kept = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) >= self.rate
        return ops.where(kept, branch / (1 - self.rate), ops.zeros_like(branch))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
