import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.config import load_config
from tfcovid.data.network_slices import network_slices
from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import to_8bit, window
from tfcovid.scans import Scan, read_scan
from tfcovid.training.preview import network_inputs, preview
from tfcovid.training.step_panels import step_panels


@pytest.fixture(scope="module")
def scan():
    return Scan.from_array(make_phantom("covid", seed=1, shape=(12, 96, 96)).hu, (5, 3, 3))


def texts(figure):
    return [text.get_text() for text in figure.texts] + [
        text for axes in figure.axes for text in (axes.get_title(), *(part.get_text() for part in axes.texts)) if text
    ]


def test_the_first_column_is_as_it_is_and_the_others_are_draws_of_the_seed(tiny, scan):
    hu = network_slices(scan, tiny).hu[4:6]
    levels = network_inputs(tiny, hu, draws=8, seed=3)
    assert levels.shape == (2, 9, 32, 32) and levels.min() >= 0 and levels.max() <= 1
    np.testing.assert_allclose(levels[:, 0], window(hu, -600, 1200), atol=1e-6)
    np.testing.assert_array_equal(network_inputs(tiny, hu, 8, 3), levels)
    assert np.abs(network_inputs(tiny, hu, 8, 4) - levels).max() > 0.01
    # Undoing the flips of this config leaves the slice seen through a window of a drawn centre.
    for slice_hu, drawn in zip(hu, levels[:, 1:], strict=True):
        limits = [window(slice_hu, center, 1200) for center in (-500, -700)]
        for one in drawn:
            ways = [one[::up, ::left] for up in (1, -1) for left in (1, -1)]
            assert any((limits[0] - 1e-5 <= way).all() and (way <= limits[1] + 1e-5).all() for way in ways)


def test_the_figure_says_what_is_to_be_seen(tiny, scan):
    figure = preview(tiny, scan, rows=3, draws=2)
    found = texts(figure)
    assert found[0] == "demo: what the network sees in training"
    assert "32 x 32 pixels" in found[1] and "window 1200 HU wide, centre drawn from -700 to -500 HU" in found[1]
    assert found[2] == "Augmentation: flip both."
    assert [text for text in found if text.isdigit()] == ["10", "6", "2"]  # head to feet
    assert "(g) cropped, 32 x 32" in found
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (3 * 240 + 2 * 6, 3 * 240 + 2 * 6)


def test_more_rows_than_slices(tiny, scan):
    few = Scan.from_array(scan.hu[5:7])
    assert [text for text in texts(preview(tiny, few, rows=6, draws=1)) if text.isdigit()] == ["1", "0"]


def test_panels_of_the_selection_hold_the_steps_of_ssfl(scan):
    config = load_config("ssfl", ["crop.size=[32,32]"])
    slices = network_slices(scan, config)
    ((title, panels),) = step_panels(config, scan, slices)
    assert "SSFL, figure 1" in title
    assert [panel.picture.ndim for panel in panels] == [2, 2, 2, 2, 2, 2, 1]
    assert panels[-1].chosen == (slices.index[0], slices.index[-1] + 1)
    assert panels[-1].picture.argmax() in slices.index
    top, left, bottom, right = panels[0].box
    np.testing.assert_array_equal(panels[1].picture, panels[0].picture[top:bottom, left:right])
    eight_bit = Scan.from_array(to_8bit(scan.hu), (5, 3, 3), units="8-bit")
    ((_, same),) = step_panels(config, eight_bit, network_slices(eight_bit, config))
    np.testing.assert_array_equal(same[-2].picture, panels[-2].picture)


def test_a_config_without_steps_has_no_panels_and_one_slice_no_selection(scan):
    config = load_config("ssfl", ["crop.size=[32,32]", "crop.method=none", "selection.method=all"])
    assert step_panels(config, scan, network_slices(scan, config)) == []
    config = load_config("ssfl", ["crop.size=[32,32]"])
    one = Scan.from_array(scan.hu[5:6])
    assert len(step_panels(config, one, network_slices(one, config))[0][1]) == 6


def test_grey_levels_need_a_window(tiny, scan):
    with pytest.raises(InputError, match="eight_bit"):
        preview(tiny, Scan.from_array(to_8bit(scan.hu), units="8-bit"))


@needs_data
def test_the_box_on_a_real_scan_is_that_of_the_network():
    scan = read_scan(DATA / "volumes/covid_ct_md/cap002_256.nii.gz")
    config = load_config("m3lung", ["crop.size=[64,64]"])
    slices = network_slices(scan, config)
    ((_, panels),) = step_panels(config, scan, slices)
    rows, columns = np.nonzero(panels[4].picture)
    assert panels[5].box == (rows.min() - 10, columns.min() - 10, rows.max() + 11, columns.max() + 11)
