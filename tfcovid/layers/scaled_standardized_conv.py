import keras
import numpy as np
from keras import ops

from tfcovid.layers.grouped_conv import grouped_conv


@keras.saving.register_keras_serializable("tfcovid")
class ScaledStandardizedConv2D(keras.layers.Layer):
    """2-D convolution whose kernel is standardised at every call, which takes the place of a normalisation behind it.

    Of each output channel, the kernel has its mean taken away and is divided by its standard deviation (biased, in
    float32), then multiplied by a learnt gain and by gamma / sqrt(fan_in), fan_in being height x width x channels of
    a group. With gamma 1 and a gain of 1, independent inputs of variance 1 give outputs of variance 1 (Brock, De and
    Smith, arXiv 2101.08692, section 4).

    Input: `(batch, height, width, channels)`; groups divide channels and filters.
    Output: `(batch, height, width, filters)`.
    Weights: kernel `(height, width, channels / groups, filters)`, gain `(filters,)`, bias `(filters,)`.

    Args:
        padding: "valid" or "same". PyTorch pads symmetrically, which is "same" for an odd kernel of stride 1; with a
            stride, put `ZeroPadding2D` before "valid".
        gamma: makes up for the variance that the nonlinearity before this layer takes away.
        epsilon: added to the variance.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        groups: int = 1,
        padding: str = "valid",
        gamma: float = 1.0,
        gain_initializer="ones",
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if min(filters, kernel_size, strides, groups) < 1 or filters % groups:
            raise ValueError(
                "filters, kernel_size, strides and groups are 1 or more, and groups divide filters. "
                f"Received: filters={filters}, kernel_size={kernel_size}, strides={strides}, groups={groups}"
            )
        if padding not in ("valid", "same"):
            raise ValueError(f"padding is 'valid' or 'same'. Received: padding={padding!r}")
        self.filters, self.kernel_size, self.strides, self.groups = filters, kernel_size, strides, groups
        self.padding, self.gamma, self.epsilon = padding, gamma, epsilon
        self.gain_initializer = keras.initializers.get(gain_initializer)

    def build(self, input_shape):
        if input_shape[-1] % self.groups:
            raise ValueError(f"groups divide the channels. Received: groups={self.groups}, input_shape={input_shape}")
        shape = (self.kernel_size, self.kernel_size, input_shape[-1] // self.groups, self.filters)
        spread = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
        # The variance of a kernel in half precision would be off by percents.
        self.kernel = self.add_weight(shape=shape, initializer=spread, autocast=False, name="kernel")
        self.gain = self.add_weight(
            shape=(self.filters,), initializer=self.gain_initializer, autocast=False, name="gain"
        )
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        kernel = ops.cast(self._standardized(), self.compute_dtype)
        x = grouped_conv(inputs, kernel, self.groups, strides=self.strides, padding=self.padding)
        return ops.add(x, self.bias)

    def _standardized(self):
        kernel, gain = ops.cast(self.kernel, "float32"), ops.cast(self.gain, "float32")
        centred = kernel - ops.mean(kernel, axis=(0, 1, 2))
        variance = ops.mean(ops.square(centred), axis=(0, 1, 2))
        scale = self.gamma / np.prod(kernel.shape[:3]) ** 0.5
        return centred * (gain * scale * ops.rsqrt(variance + self.epsilon))

    def folded(self) -> list[np.ndarray]:
        """Kernel and bias of the plain convolution that this layer now is."""
        return [ops.convert_to_numpy(self._standardized()), ops.convert_to_numpy(self.bias)]

    def spread(self, arrays: list[np.ndarray], channels: int) -> list[np.ndarray]:
        """`arrays` of this layer on other channels, as weights that give the same where all `channels` are equal.

        The kernel becomes the standardised one, summed over its channels and divided among the new ones. Its mean is
        zero as it stands, so that standardising it again only rescales it, which the gain takes back.
        """
        kernel, gain, bias = (np.asarray(array, "float64") for array in arrays)
        centred = kernel - kernel.mean((0, 1, 2))
        scale = self.gamma / np.prod(kernel.shape[:3]) ** 0.5 * gain
        plain = centred / np.sqrt(centred.var((0, 1, 2)) + self.epsilon) * scale
        kernel = np.repeat(plain.sum(2, keepdims=True) / channels, channels, axis=2)
        fan_in = np.prod(kernel.shape[:3])
        gain = np.sqrt((kernel.var((0, 1, 2)) + self.epsilon) * fan_in) / self.gamma
        return [array.astype("float32") for array in (kernel, gain, bias)]

    def compute_output_shape(self, input_shape):
        lost = self.kernel_size if self.padding == "valid" else 1
        sides = [None if side is None else (side - lost) // self.strides + 1 for side in input_shape[1:3]]
        return (input_shape[0], *sides, self.filters)

    def get_config(self):
        names = ("filters", "kernel_size", "strides", "groups", "padding", "gamma", "epsilon")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "gain_initializer": keras.initializers.serialize(self.gain_initializer)}
