import numpy as np
import pytest

from tests.data_folder import needs_data
from tfcovid.export.graph.lung_boxes import lung_boxes
from tfcovid.preprocess import lung_boxes as expected_boxes


@pytest.fixture(scope="module")
def graphs(in_graph):
    """(margin, per_scan) -> that graph."""
    of = [(10, False), (10, True), (0, False)]
    return {
        (margin, per_scan): in_graph(lambda hu, m=margin, s=per_scan: lung_boxes(hu, m, per_scan=s))
        for margin, per_scan in of
    }


def assert_same(graphs, hu):
    for (margin, per_scan), graph in graphs.items():
        boxes, without_lung = graph(hu)
        expected, expected_without = expected_boxes(hu, margin, per_scan=per_scan)
        np.testing.assert_array_equal(boxes, expected)
        np.testing.assert_array_equal(without_lung, expected_without)


def test_boxes_of_slices_of_any_size_are_those_of_preprocess(graphs, cloudy):
    for hu in cloudy:
        assert_same(graphs, hu)


def test_the_kernel_takes_no_part_outside_the_image(graphs):
    # From either edge a strip of air of every width leads to air inside, and is wide enough to open it or is not.
    widths = range(1, 10)
    hu = np.full((2 * len(widths), 20, 30), 40, np.int16)
    for n, width in enumerate(widths):
        hu[n, 5, :width] = -900
        hu[n, 6, width - 1 or 1 : 15] = -900
    hu[len(widths) :] = hu[: len(widths), :, ::-1]
    assert_same(graphs, hu)
    _, without_lung = graphs[10, False](hu)
    assert without_lung.numpy().tolist() == [width > 4 for width in widths] + [width > 3 for width in widths]


def test_a_long_scan_is_that_of_its_chunks(graphs, cloudy):
    hu = np.concatenate([cloudy[20]] * 40)[:37]
    assert len(hu) == 37
    assert_same(graphs, hu)


def test_no_slice_with_lung_keeps_the_scan_whole(graphs):
    boxes, without_lung = graphs[10, True](np.full((2, 20, 30), 40, np.int16))
    assert boxes.numpy().tolist() == [[0, 0, 20, 30]] * 2 and without_lung.numpy().all()


@needs_data
def test_boxes_of_every_real_slice_are_those_of_preprocess(graphs, real_series):
    for hu in real_series.values():
        assert_same(graphs, hu)
