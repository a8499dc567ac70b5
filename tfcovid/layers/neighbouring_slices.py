import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class NeighbouringSlices(keras.layers.Layer):
    """Every slice of a scan with its neighbours as channels: the 2.5-D stack.

    Channel (count - 1) / 2 is the slice itself, those before it the slices below its index, those behind it the slices
    above. At the ends of a scan the first and the last real slice repeat; padded places show the last real slice, so
    that whatever reads the stacks, norms in training too, sees real slices alone.

    Input: slices `(batch, slices, height, width)` and mask `(batch, slices)`, true on real slices, which come first and
        number one or more.
    Output: `(batch, slices, height, width, count)`.

    Args:
        count: channels of a stack, the slice and as many neighbours on either side: odd.
    """

    def __init__(self, count: int = 3, **kwargs):
        super().__init__(**kwargs)
        if count < 1 or count % 2 == 0:
            raise ValueError(f"a slice lies amid its neighbours: count is odd, 1, 3, 5... Received: count={count}")
        self.count = count

    def call(self, slices, slice_mask):
        batch, length, height, width = ops.shape(slices)
        last = ops.sum(ops.cast(slice_mask, "int32"), axis=1, keepdims=True) - 1
        centre = ops.minimum(ops.arange(length, dtype="int32")[None], last)
        first_of_scan = ops.arange(batch, dtype="int32")[:, None] * length
        # One axis for the slices of all scans: pictures are then moved whole, without an index for every pixel.
        flat = ops.reshape(slices, (batch * length, height, width))
        reach = self.count // 2
        stack = []
        for offset in range(-reach, reach + 1):
            index = first_of_scan + ops.clip(centre + offset, 0, last)
            stack.append(ops.take(flat, ops.reshape(index, (batch * length,)), axis=0))
        return ops.reshape(ops.stack(stack, axis=-1), (batch, length, height, width, self.count))

    def compute_output_spec(self, slices, slice_mask):
        return keras.KerasTensor((*slices.shape, self.count), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "count": self.count}
