import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class EfficientChannelAttention(keras.layers.Layer):
    """Weighs each channel by a sigmoid of a few weights over the means of its neighbours in the order of channels.

    One kernel for all, without bias. Its width is (log2(channels) + 1) / 2 cut to a whole number, the next one where
    that is even, and 3 at least: 5 weights for 128 to 2,047 channels (ECA-Net, Wang and others, arXiv 1910.03151,
    section 3.2). Before the first channel and behind the last there are zeros.

    Input: `(batch, height, width, channels)`. Output: the same shape.

    Args:
        scale: multiplies the result, at the cost of one number a channel instead of one a pixel.
    """

    def __init__(self, scale: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape):
        cut = int((math.log2(input_shape[-1]) + 1) / 2)
        self.kernel = self.add_weight(shape=(max(3, cut | 1), 1, 1), autocast=False, name="kernel")

    def call(self, x):
        # Every backend sums half precision in float32; what comes after is one number a channel.
        means = ops.cast(ops.mean(x, axis=(1, 2)), "float32")
        nearby = ops.conv(means[..., None], ops.cast(self.kernel, "float32"), padding="same")
        weights = self.scale * ops.sigmoid(ops.squeeze(nearby, axis=-1))
        return x * ops.cast(weights, self.compute_dtype)[:, None, None]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
