import numpy as np
import pytest
import tensorflow as tf

from tests.data_folder import needs_data
from tfcovid.export.graph.filled import filled
from tfcovid.export.graph.lung_runs import lung_runs
from tfcovid.export.graph.outline_slices import OutlineSlices
from tfcovid.export.graph.traced import traced
from tfcovid.inference import load_segmenter
from tfcovid.inference.segmentation_system import inference_graph
from tfcovid.networks import fold
from tfcovid.phantom import make_phantom


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter("lungs")


@pytest.fixture(scope="module")
def outline(segmenter):
    return OutlineSlices(inference_graph(segmenter.config, fold(segmenter.network)))


def test_masks_of_slices_of_any_size_are_those_of_the_segmenter(segmenter, outline, without_ipp):
    for shape in ((9, 96, 80), (2, 300, 280)):
        phantom = make_phantom("cap", seed=3, shape=shape)
        mask = outline(tf.constant(phantom.hu))
        np.testing.assert_array_equal(mask, segmenter.masks(phantom.hu, phantom.spacing))
        assert mask.numpy().any()


@needs_data
@pytest.mark.slow
def test_lungs_of_every_real_slice_are_those_of_the_segmenter(segmenter, outline, real_series):
    lungs = traced(lambda hu: filled(lung_runs(outline, hu), tf.shape(hu)))
    for hu in real_series.values():
        np.testing.assert_array_equal(lungs(tf.constant(hu)), segmenter.lungs(hu, (1.0, 1.0, 1.0)))
