import numpy as np
import pytest
import tensorflow as tf

from tests.data_folder import needs_data
from tfcovid.export.graph.select_slices import select_slices
from tfcovid.preprocess import lung_areas
from tfcovid.preprocess import select_slices as expected_range


def in_graph(length):
    return tf.function(lambda areas: select_slices(areas, length), [tf.TensorSpec([None], tf.int64)], autograph=False)


@pytest.mark.parametrize("length", [0.5, 0.07, 1 / 3, 1.0, 1, 7])
def test_ranges_are_those_of_preprocess(length):
    # Small whole areas, so that windows tie; every fifth scan without any. 0.07 * 100 is a hair above 7.
    rng, graph = np.random.default_rng(3), in_graph(length)
    for slices in range(1, 201):
        areas = rng.integers(0, 4, slices) * (slices % 5 > 0)
        start, stop = graph(areas)
        assert (int(start), int(stop)) == expected_range(areas, length)


@needs_data
def test_the_range_of_every_real_series_is_that_of_preprocess(real_series):
    for length in (0.5, 40):
        graph = in_graph(length)
        for hu in real_series.values():
            areas = lung_areas(hu)
            assert tuple(map(int, graph(areas))) == expected_range(areas, length)
