import keras
from keras import ops

# convention -> (factor, mean and deviation of red, green and blue, channels reversed)
_CONVENTIONS = {
    "caffe": (255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0), True),
    "torch": (1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), False),
    "tf": (2.0, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), False),
    "lite": (255.0, (127.0, 127.0, 127.0), (128.0, 128.0, 128.0), False),
    "none": (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), False),
}


@keras.saving.register_keras_serializable("tfcovid")
class ImageNetScale(keras.layers.Layer):
    """Pixels in [0, 1] to what a network trained on ImageNet was fed, one channel repeated to three.

    Repeating is exact: the network sees the grey picture that it would have seen as red, green and blue. Of any other
    number of channels, each is scaled by the mean of the three colours' figures.

    Input: `(batch, height, width, channels)` in [0, 1]; three channels are red, green, blue.
    Output: `(batch, height, width, 3)` for one or three channels, else as many channels as came.

    Args:
        convention: "caffe" (blue, green, red, 0 to 255 less their means), "torch" (less the mean, over the standard
            deviation) and "tf" ([-1, 1]), by their names in `keras.applications`; "lite" ((255 x - 127) / 128, of
            EfficientNet-Lite); or "none".
    """

    def __init__(self, convention: str = "torch", **kwargs):
        # The difference of near numbers comes first, the cast to half precision after.
        super().__init__(autocast=False, **kwargs)
        if convention not in _CONVENTIONS:
            raise ValueError(f"convention is one of {', '.join(_CONVENTIONS)}. Received: convention={convention!r}")
        self.convention = convention

    def call(self, pixels):
        factor, mean, deviation, reverse = _CONVENTIONS[self.convention]
        pixels = ops.cast(pixels, "float32")
        channels = pixels.shape[-1]
        if channels not in (1, 3):
            mean, deviation, reverse = [sum(mean) / 3], [sum(deviation) / 3], False
        if reverse:
            mean, deviation = mean[::-1], deviation[::-1]
            # One channel needs no turning round, for which OpenVINO has nothing fast.
            pixels = ops.flip(pixels, axis=-1) if channels == 3 else pixels
        # One channel becomes three here, by broadcasting.
        x = (factor * pixels - ops.array(mean, "float32")) / ops.array(deviation, "float32")
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3 if input_shape[-1] == 1 else input_shape[-1])

    def compute_output_spec(self, pixels):
        return keras.KerasTensor(self.compute_output_shape(pixels.shape), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "convention": self.convention}
