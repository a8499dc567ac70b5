import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class RandomWindowLevel(keras.layers.Layer):
    """HU to [0, 1] through a CT window whose centre is drawn anew for every slice in training.

    As a radiologist slides the window, so does training (M3Lung-Sys, section III-A.2: width 1200, centres
    uniform in [-700, -500]). Outside training the middle of the range is used.

    Input: `(batch, ..., channels)` HU, slices or volumes, any numeric type. Output: the same shape in [0, 1].
    """

    def __init__(self, low: float = -700.0, high: float = -500.0, width: float = 1200.0, seed=None, **kwargs):
        # Thousands of HU do not survive half precision: the window comes first, the cast after.
        super().__init__(autocast=False, **kwargs)
        if width <= 0 or low > high:
            raise ValueError(
                f"a window needs low <= high and width > 0. Received: low={low}, high={high}, width={width}"
            )
        self.low, self.high, self.width, self.seed = low, high, width, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, hu, training=False):
        hu = ops.cast(hu, "float32")
        if training:
            shape = (ops.shape(hu)[0], *[1] * (len(hu.shape) - 1))
            center = keras.random.uniform(shape, self.low, self.high, seed=self.seed_generator)
        else:
            center = (self.low + self.high) / 2
        return ops.cast(ops.clip((hu - center) / self.width + 0.5, 0.0, 1.0), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"low": self.low, "high": self.high, "width": self.width, "seed": self.seed}
        return {**super().get_config(), **own}
