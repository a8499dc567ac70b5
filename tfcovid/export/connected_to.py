import tensorflow as tf

from tfcovid.export.runs import Runs


def connected_to(runs: Runs, seeds: tf.Tensor, shape: tf.Tensor, connectivity: int) -> tf.Tensor:
    """Which runs of a mask hang together with a seed, in the graph; exact whatever the shape of the components.

    Runs are nodes. Each points to the first run that it touches in the row above; following these pointers, twice as
    far at every step, ends at the top of a tree. A run that touches more than one run above joins their trees; these
    few joins are settled among the tops alone, the higher number pointing to the lower one until all agree.

    Args:
        runs: of a stack of masks, in reading order.
        seeds: (runs,), bool.
        shape: (height, width) of the masks.
        connectivity: 4 or 8 neighbours.

    Returns:
        (runs,), bool.
    """
    # Numbers that grow in reading order. A line more between slices and a column more between rows keep them apart.
    stride = tf.cast(shape[1], tf.int64) + 1
    line = (runs.slice * (tf.cast(shape[0], tf.int64) + 1) + runs.row) * stride
    starts, stops = line + runs.start, line + runs.stop
    corners = connectivity == 8
    first = tf.searchsorted(stops, starts - stride, "left" if corners else "right", tf.int64)
    behind = tf.searchsorted(starts, stops - stride, "right" if corners else "left", tf.int64)
    own = tf.range(tf.size(starts, tf.int64))
    top = _followed(tf.where(first < behind, first, own))

    is_top = top == own
    tree = tf.gather(tf.cumsum(tf.cast(is_top, tf.int64)) - 1, top)
    trees = tf.reduce_sum(tf.cast(is_top, tf.int64))
    joins = tf.maximum(behind - first - 1, 0)
    joining, nth = _counted(joins)
    left = tf.gather(tree, joining)
    right = tf.gather(tree, tf.gather(first, joining) + 1 + nth)
    component = tf.gather(_joined(left, right, trees), tree)
    seeded = tf.math.unsorted_segment_max(tf.cast(seeds, tf.int32), component, trees)
    return tf.gather(seeded, component) > 0


def _followed(pointer: tf.Tensor) -> tf.Tensor:
    """Where pointers without a cycle end."""

    def further(pointer: tf.Tensor, _) -> tuple[tf.Tensor, tf.Tensor]:
        ahead = tf.gather(pointer, pointer)
        return ahead, tf.reduce_any(ahead != pointer)

    return tf.while_loop(lambda _, moved: moved, further, (pointer, tf.constant(True)))[0]


def _counted(counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For counts [2, 0, 1] the numbers [0, 0, 2] of those who count, and [0, 1, 0] what they count."""
    ends = tf.cumsum(counts)
    place = tf.range(tf.reduce_sum(counts))
    who = tf.searchsorted(ends, place, "right", tf.int64)
    return who, place - tf.gather(ends - counts, who)


def _joined(left: tf.Tensor, right: tf.Tensor, trees: tf.Tensor) -> tf.Tensor:
    """(trees,), the lowest tree that each hangs together with, through joins from `left` to `right`."""

    def join(lowest: tf.Tensor, _) -> tuple[tf.Tensor, tf.Tensor]:
        one, other = tf.gather(lowest, left), tf.gather(lowest, right)
        hooked = tf.math.unsorted_segment_min(tf.minimum(one, other), tf.maximum(one, other), trees)
        return _followed(tf.minimum(lowest, hooked)), tf.reduce_any(one != other)

    return tf.while_loop(lambda _, apart: apart, join, (tf.range(trees), tf.constant(True)))[0]
