import keras
from keras import ops

_CELL, _PATCH = 4, 6  # side of a cell in pixels, of a patch in cells


@keras.saving.register_keras_serializable("tfcovid")
class OutlinedArea(keras.layers.Layer):
    """How much a segmenter outlines in a slice, in four numbers.

    The map is averaged over cells of 4 x 4 pixels. Then: log(1 + sum over the cells), log(1 + cells above 0.5), the
    highest cell, and the highest mean of 6 x 6 cells.

    Input: `(batch, height, width, 1)` probabilities; sides divide by 4 and are 24 pixels at least.
    Output: `(batch, 4)`, at least 0.
    """

    def call(self, outlined):
        cells = ops.average_pool(outlined, _CELL, strides=_CELL)
        patches = ops.average_pool(cells, _PATCH, strides=1)
        whole = (1, 2, 3)
        above = ops.cast(cells > 0.5, cells.dtype)
        return ops.stack(
            [
                # Not log1p, which ONNX has not.
                ops.log(1.0 + ops.sum(cells, axis=whole)),
                ops.log(1.0 + ops.sum(above, axis=whole)),
                ops.max(cells, axis=whole),
                ops.max(patches, axis=whole),
            ],
            axis=-1,
        )

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 4)
