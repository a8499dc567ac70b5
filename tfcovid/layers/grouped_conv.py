import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups`, the same weights and the same result, each group convolved by itself.

    On TensorFlow, Keras hands grouped convolutions to XLA, which on a CPU is far slower, in the gradient most of all,
    and compiles again at every call outside a graph: `benchmarks/grouped_conv.py`.

    Input: `(batch, height, width, channels)`; groups divide channels and filters.
    Output: `(batch, height, width, filters)`.
    """

    def convolution_op(self, inputs, kernel):
        return grouped_conv(
            inputs,
            kernel,
            self.groups,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )


def grouped_conv(inputs, kernel, groups: int, **options):
    """`keras.ops.conv` of channels-last inputs, one call for each group; `options` as it takes them."""
    if groups == 1:
        return ops.conv(inputs, kernel, **options)
    parts = zip(ops.split(inputs, groups, axis=-1), ops.split(kernel, groups, axis=-1), strict=True)
    return ops.concatenate([ops.conv(*part, **options) for part in parts], axis=-1)
