import keras

from tfcovid.layers.each_slice import EachSlice
from tfcovid.layers.masked_mean_pooling import MaskedMeanPooling
from tfcovid.layers.neighbouring_slices import NeighbouringSlices


def stack_25d(network: keras.Model) -> keras.Model:
    """A 2-D classifier that sees every slice of a scan with its neighbours: the 2.5-D stack.

    As many slices as the classifier has channels, which must be odd, become one picture, the slice itself in the
    middle; at the ends of a scan the last slice repeats. The diagnosis is the mean of the scores of all real slices.
    The classifier is shared, not copied: training either trains both.

    Input, a dictionary: "slices" `(batch, slices, height, width)` in [0, 1] and "slice_mask" `(batch, slices)`, true on
        real slices, which come first and number one or more. Padding does not change a result.
    Output: `(batch, classes)` float32, of the layer "disease".

    Args:
        network: of input `(batch, height, width, channels)`, such as `densenet(classes, (224, 224, 5))`; its output is
            `(batch, classes)`, or a dictionary that has such a "disease".

    Raises:
        ValueError: a network of another input, or of an even number of channels.
    """
    shape = network.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(f"a 2-D classifier has input (batch, height, width, channels). Received: {shape}")
    *_, height, width, channels = shape
    inputs = {
        "slices": keras.Input((None, height, width), name="slices"),
        "slice_mask": keras.Input((None,), dtype="bool", name="slice_mask"),
    }
    x = NeighbouringSlices(channels, name="neighbours")(inputs["slices"], inputs["slice_mask"])
    scores = EachSlice(network, name="each_slice")(x)
    if isinstance(scores, dict):
        scores = scores["disease"]
    outputs = MaskedMeanPooling(name="disease", dtype="float32")(scores, inputs["slice_mask"])
    return keras.Model(inputs, outputs, name="stack_25d")
