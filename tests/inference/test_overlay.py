import numpy as np
import pytest
from matplotlib.lines import Line2D

from tfcovid.errors import InputError
from tfcovid.inference.overlay import draw_masks
from tfcovid.report.mask_colours import mask_colours
from tfcovid.scans import Scan

LABELS = ("background", "lung", "infection")


@pytest.fixture
def scan():
    return Scan.from_array(np.full((20, 40, 40), -800, np.int16), (5.0, 2.0, 1.0))


@pytest.fixture
def masks():
    masks = np.zeros((20, 40, 40), np.uint8)
    masks[5:15, 10:20, 10:20], masks[5:7, 12:14, 12:14], masks[:, :9, :5] = 1, 2, 255
    return masks


def _tiles(figure):
    return {axes.texts[0].get_text(): axes for axes in figure.axes}


def _colour(line):
    return tuple(round(255 * value) for value in line.get_color())


def test_slices_with_a_mask_are_shown_evenly_from_head_to_feet(scan, masks):
    assert list(_tiles(draw_masks(scan, masks, LABELS, slices=5))) == ["14", "12", "10", "8", "6"]
    assert list(_tiles(draw_masks(scan, masks, LABELS, slices=50))) == [str(k) for k in range(14, 4, -1)]
    assert len(_tiles(draw_masks(scan, np.zeros_like(masks), LABELS, slices=7))) == 7


def test_outlines_run_along_the_edge_of_the_mask_in_its_colour(scan, masks):
    lines = _tiles(draw_masks(scan, masks, LABELS))["5"].lines
    blue, orange = (tuple(colour) for colour in mask_colours(LABELS)[1:].tolist())
    assert [_colour(line) for line in lines] == [blue, blue, orange]  # the lung's outer edge and the hole in it
    box = [(line.get_xdata().min(), line.get_xdata().max()) for line in lines]
    # The tile begins 8 pixels beside the mask.
    assert sorted(box) == [(7.5, 17.5), (9.5, 11.5), (9.5, 11.5)]


def test_truth_is_dashed_over_the_masks(scan, masks):
    truth = np.roll(masks, 3, axis=2) % 255
    lines = _tiles(draw_masks(scan, masks, LABELS, truth=truth))["10"].lines
    assert [line.is_dashed() for line in lines] == [False, True]
    assert [line.get_xdata().min() for line in lines] == [7.5, 10.5]


def test_legend_title_and_notice_are_there(scan, masks):
    figure = draw_masks(scan, masks, LABELS, truth=masks, title="one scan", notice="Research use only. Of a test.")
    words = [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    assert {"lung", "infection", "truth", "one scan", "Research use only. Of a test."} <= set(words)
    assert len(figure.legends[0].findobj(Line2D)) == 3


def test_a_tile_keeps_the_proportions_of_millimetres(scan, masks):
    (axes, *_) = draw_masks(scan, masks, LABELS).axes
    assert axes.get_aspect() == 2.0


def test_grey_levels_are_drawn_as_they_are(masks):
    grey = Scan.from_array(np.full((20, 40, 40), 51, np.uint8), units="8-bit")
    (image,) = draw_masks(grey, masks, LABELS).axes[0].images
    assert image.get_array().max() == pytest.approx(0.2)


def test_a_mask_of_another_shape_is_refused(scan, masks):
    with pytest.raises(InputError, match=r"truth must have the shape .* Received: \(19, 40, 40\)"):
        draw_masks(scan, masks, LABELS, truth=masks[1:])
