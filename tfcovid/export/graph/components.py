import tensorflow as tf

from tfcovid.export.graph.runs import Runs


def components(runs: Runs, shape: tf.Tensor, connectivity: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The connected components of a stack of masks from their runs, in the graph; exact whatever their shape.

    Runs are nodes. Each points to the first run that it touches in the row above; following these pointers, twice as
    far at every step, ends at the top of a tree. A run that touches more than one run above, or runs in the slice
    before, joins their trees; these joins are settled among the tops alone, the higher number pointing to the lower one
    until all agree.

    Args:
        runs: of a stack of masks, in reading order.
        shape: (height, width) of the masks.
        connectivity: 4 or 8 neighbours within each slice; or 6, which are 4 and those in the slices before and behind.

    Returns:
        component: (runs,), int64, a number for each run; equal in a component, with gaps between.
        count: (), int64, above all of these numbers.
    """
    # Numbers that grow in reading order. A line more between slices and a column more between rows keep them apart.
    stride = tf.cast(shape[1], tf.int64) + 1
    slices_apart = (tf.cast(shape[0], tf.int64) + 1) * stride
    line = runs.slice * slices_apart + runs.row * stride
    starts, stops = line + runs.start, line + runs.stop
    first, behind = _touched(starts, stops, stride, corners=connectivity == 8)
    own = tf.range(tf.size(starts, tf.int64))
    top = _followed(tf.where(first < behind, first, own))

    is_top = top == own
    tree = tf.gather(tf.cumsum(tf.cast(is_top, tf.int64)) - 1, top)
    trees = tf.reduce_sum(tf.cast(is_top, tf.int64))
    who, met = _pairs(first + 1, behind)  # it has the tree of the first
    if connectivity == 6:
        through, before = _pairs(*_touched(starts, stops, slices_apart, corners=False))
        who, met = tf.concat([who, through], 0), tf.concat([met, before], 0)
    return tf.gather(_joined(tf.gather(tree, who), tf.gather(tree, met), trees), tree), trees


def _touched(starts: tf.Tensor, stops: tf.Tensor, back: tf.Tensor, corners: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers of the first run that each touches in the line `back` before it, and behind the last; int64."""
    first = tf.searchsorted(stops, starts - back, "left" if corners else "right", tf.int64)
    behind = tf.searchsorted(starts, stops - back, "right" if corners else "left", tf.int64)
    return first, behind


def _pairs(first: tf.Tensor, behind: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The number of each run, once for every number in [first, behind), and these numbers."""
    counts = tf.maximum(behind - first, 0)
    ends = tf.cumsum(counts)
    place = tf.range(tf.reduce_sum(counts))
    who = tf.searchsorted(ends, place, "right", tf.int64)
    return who, tf.gather(first, who) + place - tf.gather(ends - counts, who)


def _followed(pointer: tf.Tensor) -> tf.Tensor:
    """Where pointers without a cycle end."""

    def further(pointer: tf.Tensor, _) -> tuple[tf.Tensor, tf.Tensor]:
        ahead = tf.gather(pointer, pointer)
        return ahead, tf.reduce_any(ahead != pointer)

    return tf.while_loop(lambda _, moved: moved, further, (pointer, tf.constant(True)))[0]


def _joined(left: tf.Tensor, right: tf.Tensor, trees: tf.Tensor) -> tf.Tensor:
    """(trees,), the lowest tree that each hangs together with, through joins from `left` to `right`."""

    def join(lowest: tf.Tensor, _) -> tuple[tf.Tensor, tf.Tensor]:
        one, other = tf.gather(lowest, left), tf.gather(lowest, right)
        hooked = tf.math.unsorted_segment_min(tf.minimum(one, other), tf.maximum(one, other), trees)
        return _followed(tf.minimum(lowest, hooked)), tf.reduce_any(one != other)

    return tf.while_loop(lambda _, apart: apart, join, (tf.range(trees), tf.constant(True)))[0]
