import numpy as np
import pytest

from tests.data_folder import needs_data
from tfcovid.export.graph.lung_areas import lung_areas
from tfcovid.preprocess import lung_areas as expected_areas


@pytest.fixture(scope="module")
def graph(in_graph):
    return in_graph(lung_areas)


def test_areas_of_slices_of_any_size_are_those_of_preprocess(graph, cloudy):
    areas = [graph(hu).numpy() for hu in cloudy]
    np.testing.assert_array_equal(np.concatenate(areas), np.concatenate([expected_areas(hu) for hu in cloudy]))
    assert np.count_nonzero(np.concatenate(areas)) > 20


def test_a_hole_is_not_left_across_a_corner(graph):
    hu = np.full((1, 60, 60), 40, np.int16)
    hu[0, 30, 30] = -900  # 5 x 5 pixels after the filter
    hu[0, 35:, 35:] = -900  # reaches the edge, and from (33, 33) on the corner of the hole
    assert graph(hu).numpy().tolist() == expected_areas(hu).tolist() == [25]


def test_what_lies_outside_the_body_opens_no_hole(graph):
    hu = np.full((1, 60, 60), 40, np.int16)
    hu[0, [0, -1]] = hu[0, :, [0, -1]] = -900
    hu[0, 1:6, 30] = -900  # ends above the body, which begins at row 6
    hu[0, 9, 30] = -900
    assert graph(hu).numpy().tolist() == expected_areas(hu).tolist() == [25]


@needs_data
def test_areas_of_every_real_slice_are_those_of_preprocess(graph, real_series):
    for hu in real_series.values():
        np.testing.assert_array_equal(graph(hu), expected_areas(hu))
