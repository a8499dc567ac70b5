import tensorflow as tf

from tfcovid.export.graph.outline_slices import OutlineSlices
from tfcovid.export.graph.traced import STACK
from tfcovid.inference import SegmentationSystem
from tfcovid.inference.segmentation_system import inference_graph
from tfcovid.networks import fold


class SegmenterGraph:
    """What a segmenter makes of slices or of a patch, as a function of tensors alone.

    Of slices: "hu" `(slices, height, width)` int16 HU of any size to "mask", uint8 of the same shape, the number of the
    likeliest label of every pixel.

    Of volumes: "hu" `(batch, depth, height, width)` int16, patches of the size and spacing that the config names, to
    "mask", uint8, and "probabilities" `(..., labels)` of the part that the network gives an answer for. With guidance
    also "clicks" `(batch, 2, clicks, 3)` float32, on the infection and beside it, in voxels of the whole volume that
    the patch is of, padded with -1; "origin" `(batch, 3)`, the voxel where each patch begins; "spacing" `(batch, 3)` in
    mm between slices, rows and columns.

    Attributes:
        network: whose weights the function uses.
        inputs: what it takes.
    """

    def __init__(self, segmenter: SegmentationSystem):
        self.network = inference_graph(segmenter.config, fold(segmenter.network))
        self._outline = OutlineSlices(self.network) if segmenter.config.network.kind == "attention_unet" else None
        self.inputs = [STACK] if self._outline else [_spec(one) for one in self.network.inputs]

    def __call__(self, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        words = "hu: no pixels; send slices or patches in HU, int16. Received: shape"
        with tf.control_dependencies([tf.debugging.Assert(tf.size(inputs[0]) > 0, [words, tf.shape(inputs[0])])]):
            hu, *clicked = map(tf.identity, inputs)
        if self._outline:
            return {"mask": self._outline(hu)}
        given = dict(zip([one.name for one in self.inputs], [hu[..., None], *clicked], strict=True))
        seen = given if clicked else given["hu"]
        probabilities = self.network(seen, training=False)
        return {"mask": tf.cast(tf.argmax(probabilities, -1), tf.uint8), "probabilities": probabilities}


def _spec(tensor) -> tf.TensorSpec:
    shape = tensor.shape[:-1] if tensor.name == "hu" else tensor.shape  # the channel is the graph's own affair
    return tf.TensorSpec(shape, tensor.dtype, tensor.name)
