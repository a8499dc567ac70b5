from typing import NamedTuple

import tensorflow as tf


class Runs(NamedTuple):
    """Unbroken runs of True along the rows of a stack of masks, in reading order; each `(runs,)` int64.

    Attributes:
        slice, row: where a run lies.
        start, stop: its columns, `stop` exclusive.
    """

    slice: tf.Tensor
    row: tf.Tensor
    start: tf.Tensor
    stop: tf.Tensor

    def where(self, keep: tf.Tensor) -> "Runs":
        """The runs that `keep`, `(runs,)` bool, says."""
        return Runs(*(tf.boolean_mask(one, keep) for one in self))


def runs(mask: tf.Tensor) -> Runs:
    """The runs of a mask, in the graph.

    A chest slice of 512 x 512 pixels has some two thousand of them: what works on runs is spared the pixels.

    Args:
        mask: (slices, height, width), bool.
    """
    slices, height, width = tf.unstack(tf.shape(mask, tf.int64))
    lines = tf.reshape(mask, [slices * height, width])
    outside = tf.zeros([slices * height, 1], bool)
    # A run ends in the line that it starts in: starts and stops take turns.
    changes = tf.concat([lines, outside], 1) != tf.concat([outside, lines], 1)
    at = tf.where(tf.reshape(changes, [-1]))[:, 0]
    line, start = at[::2] // (width + 1), at[::2] % (width + 1)
    return Runs(line // height, line % height, start, at[1::2] % (width + 1))
