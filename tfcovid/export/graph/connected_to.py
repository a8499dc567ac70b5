import tensorflow as tf

from tfcovid.export.graph.components import components
from tfcovid.export.graph.runs import Runs


def connected_to(runs: Runs, seeds: tf.Tensor, shape: tf.Tensor, connectivity: int) -> tf.Tensor:
    """Which runs of a mask hang together with a seed, in the graph; see `components`.

    Args:
        runs: of a stack of masks, in reading order.
        seeds: (runs,), bool.
        shape: (height, width) of the masks.
        connectivity: 4 or 8 neighbours.

    Returns:
        (runs,), bool.
    """
    component, count = components(runs, shape, connectivity)
    seeded = tf.math.unsorted_segment_max(tf.cast(seeds, tf.int32), component, count)
    return tf.gather(seeded, component) > 0
