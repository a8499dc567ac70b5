from collections.abc import Callable

import keras
import tensorflow as tf

from tfcovid.export.graph.bilinear import bilinear
from tfcovid.export.graph.crop_resize import crop_resize
from tfcovid.export.graph.in_chunks import in_chunks
from tfcovid.export.graph.traced import traced

_CHUNK = 8  # slices


class OutlineSlices:
    """`SegmentationSystem.masks` of a segmenter of slices in the graph: the likeliest label of every pixel.

    Called with (slices, height, width) int16 HU of any size it gives uint8 of the same shape.

    Args:
        model: from (batch, height, width, 1) int16 HU of the network's size to the probabilities of all labels.
    """

    def __init__(self, model: keras.Model):
        self._of_chunk = traced(_outliner(model))

    def __call__(self, hu: tf.Tensor) -> tf.Tensor:
        return in_chunks(self._of_chunk, (hu,), _CHUNK)


def _outliner(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    size = model.input_shape[1:3]

    def outline(hu: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(hu)
        whole = tf.tile([[0, 0, shape[1], shape[2]]], [shape[0], 1])
        probabilities = model(crop_resize(hu, whole, size)[..., None], training=False)

        def likeliest(one: tf.Tensor) -> tf.Tensor:
            return tf.cast(tf.argmax(bilinear(one, shape[1:]), -1), tf.uint8)

        return tf.map_fn(likeliest, probabilities, fn_output_signature=tf.TensorSpec([None, None], tf.uint8))

    return outline
