import tensorflow as tf

from tfcovid.export.graph.largest_components import largest_components
from tfcovid.export.graph.outline_slices import OutlineSlices
from tfcovid.export.graph.runs import Runs, runs


def lung_runs(outline: OutlineSlices, hu: tf.Tensor, *, per_slice: bool = False) -> Runs:
    """`SegmentationSystem.lungs` of a segmenter of slices in the graph, as the runs of the mask.

    Args:
        hu: (slices, height, width), int16, HU.
        per_slice: each slice as if it were a scan of one.
    """
    return largest_components(runs(outline(hu) > 0), tf.shape(hu), per_slice=per_slice)
