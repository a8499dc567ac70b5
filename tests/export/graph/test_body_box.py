import numpy as np
import pytest

from tests.data_folder import needs_data
from tfcovid.export.graph.body_box import body_box
from tfcovid.preprocess import body_box as expected_box


@pytest.fixture(scope="module")
def graph(in_graph):
    return in_graph(body_box)


def test_boxes_of_slices_of_any_size_are_those_of_preprocess(graph, cloudy):
    for hu in cloudy:
        np.testing.assert_array_equal(graph(hu), expected_box(hu))


def test_of_equal_runs_the_first_is_the_body(graph):
    hu = np.full((2, 60, 70), -1000, np.int16)
    hu[0, 5:25, 10:40] = hu[0, 30:50, 45:65] = 40
    assert graph(hu).numpy().tolist() == [[10, 15, 21, 36], [0, 0, 60, 70]]


@needs_data
def test_boxes_of_every_real_slice_are_those_of_preprocess(graph, real_series):
    for hu in real_series.values():
        np.testing.assert_array_equal(graph(hu), expected_box(hu))
