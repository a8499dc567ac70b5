import math

import keras
from keras import ops

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_NEIGHBOURHOOD = 16  # pixels of the squares whose mean local contrast is about


@keras.saving.register_keras_serializable("tfcovid")
class RandomIntensity(keras.layers.Layer):
    """Changes the grey levels of images in [0, 1] in training, each sample by draws of its own.

    In this order: greyscale, brightness, contrast, gamma, local contrast, blur, noise. Greyscale and contrast are the
    colour set of the ResNet-50 of the 3-D U-Net's paper (section II). It comes after the window. Outside training
    nothing changes.

    Input: floats in [0, 1], `(batch, height, width, channels)` or volumes `(batch, slices, height, width, channels)`;
    or a dictionary whose "image" is such, and whose other entries pass untouched. Output: the same shape and type, in
    [0, 1].

    Args:
        brightness: added, from -brightness to brightness.
        contrast: factor of the distance to the sample's mean, from 1 - contrast to 1 + contrast.
        gamma: exponent from 1 / (1 + gamma) to 1 + gamma, as likely to darken as to brighten.
        noise: Gaussian, its standard deviation drawn from 0 to `noise`.
        local_contrast: up to this factor more of the distance to the mean of the neighbourhood, about 16 pixels wide,
            as pictures have after adaptive equalisation of their histogram (CLAHE).
        blur: share, at most, of the picture smoothed over 5 x 5 pixels that is mixed in, as pictures have that were
            enlarged or compressed.
        greyscale: probability that the three channels of an image, red, green and blue, all become its luminance.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        gamma: float = 0.0,
        noise: float = 0.0,
        greyscale: float = 0.0,
        local_contrast: float = 0.0,
        blur: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        settings = {
            "brightness": brightness,
            "contrast": contrast,
            "noise": noise,
            "greyscale": greyscale,
            "blur": blur,
        }
        for name, value in settings.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is from 0 to 1. Received: {name}={value}")
        for name, value in {"gamma": gamma, "local_contrast": local_contrast}.items():
            if value < 0:
                raise ValueError(f"{name} is 0 or more. Received: {name}={value}")
        self.brightness, self.contrast, self.gamma, self.noise = brightness, contrast, gamma, noise
        self.greyscale, self.local_contrast, self.blur, self.seed = greyscale, local_contrast, blur, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if isinstance(inputs, dict):
            return {name: self.call(part, training) if name == "image" else part for name, part in inputs.items()}
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if not keras.backend.is_float_dtype(dtype):
            raise ValueError(f"grey levels are floats in [0, 1]. Received: dtype {dtype}")
        if self.greyscale and inputs.shape[-1] != 3:
            raise ValueError(f"greyscale needs three channels. Received: shape {tuple(inputs.shape)}")
        if not training:
            return inputs
        return ops.cast(self._change(ops.cast(inputs, "float32")), dtype)

    def _change(self, images):
        ones = [1] * (len(images.shape) - 1)
        # As many numbers whatever is asked for: to change one setting changes none of the other draws.
        drawn = keras.random.uniform((ops.shape(images)[0], 5), dtype="float32", seed=self.seed_generator)
        grey, *either_way, spread = (ops.reshape(drawn[:, n], (-1, *ones)) for n in range(5))
        brightness, contrast, gamma = (2 * draw - 1 for draw in either_way)
        if self.greyscale:
            luma = ops.sum(images * ops.convert_to_tensor(_LUMA, "float32"), axis=-1, keepdims=True)
            images = ops.where(grey < self.greyscale, luma, images)
        if self.brightness:
            images = images + brightness * self.brightness
        if self.contrast:
            mean = ops.mean(images, axis=tuple(range(1, len(images.shape))), keepdims=True)
            images = mean + (images - mean) * (1 + contrast * self.contrast)
        images = ops.clip(images, 0.0, 1.0)
        if self.gamma:
            images = images ** ops.exp(gamma * math.log(1 + self.gamma))
        if self.local_contrast or self.blur:
            images = ops.clip(self._detail(images), 0.0, 1.0)
        if self.noise:
            noise = keras.random.normal(ops.shape(images), dtype="float32", seed=self.seed_generator)
            images = ops.clip(images + noise * (spread * self.noise), 0.0, 1.0)
        return images

    def _detail(self, images):
        """Strengthens what differs from the neighbourhood and smooths."""
        drawn = keras.random.uniform((ops.shape(images)[0], 2), dtype="float32", seed=self.seed_generator)
        ones = [1] * (len(images.shape) - 1)
        more, smooth = (ops.reshape(drawn[:, n], (-1, *ones)) for n in range(2))
        shape = ops.shape(images)

        def by_slice(change, images):
            return ops.reshape(change(ops.reshape(images, (-1, *shape[-3:]))), shape)

        if self.local_contrast:
            images = images + more * self.local_contrast * (images - by_slice(_neighbourhood, images))
        if self.blur:
            images = images + smooth * self.blur * (by_slice(_smoothed, images) - images)
        return images

    def compute_output_spec(self, inputs, training=False):
        return keras.tree.map_structure(lambda tensor: keras.KerasTensor(tensor.shape, dtype=tensor.dtype), inputs)

    def get_config(self):
        names = ("brightness", "contrast", "gamma", "noise", "greyscale", "local_contrast", "blur", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _neighbourhood(slices):
    """Return the mean of the 16 x 16 pixels around each pixel, found at every eighth and linear between."""
    coarse = ops.average_pool(slices, _NEIGHBOURHOOD, _NEIGHBOURHOOD // 2, "same", data_format="channels_last")
    return ops.image.resize(coarse, ops.shape(slices)[1:3], "bilinear", data_format="channels_last")


def _smoothed(slices):
    """Return the mean of 3 x 3 pixels, taken twice: nearly a Gaussian over 5 x 5."""
    for _ in range(2):
        slices = ops.average_pool(slices, 3, 1, "same", data_format="channels_last")
    return slices
