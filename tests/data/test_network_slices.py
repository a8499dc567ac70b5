from types import SimpleNamespace

import numpy as np
import pytest

from tfcovid.config import load_config
from tfcovid.data import network_slices, prepare
from tfcovid.preprocess import crop_resize
from tfcovid.scans import Scan


@pytest.fixture
def scan():
    hu = np.full((4, 40, 48), 30, np.int16)
    hu[1:, 10:30, 8:40] = -800
    hu[1:, 12, 9] = -300
    return Scan.from_array(hu, (5.0, 2.0, 2.0))


@pytest.fixture
def finder():
    """Finds what is dark, and notes what it was asked."""
    asked = []

    def lungs(hu, spacing):
        asked.append((hu.shape, spacing))
        return hu < 0

    return SimpleNamespace(lungs=lungs, hash="dark", asked=asked)


def config(*settings):
    return load_config("attn_crop", ["lungs=null", "crop.size=[32,32]", "crop.margin=0", *settings])


def test_the_box_of_the_lungs_is_cut_out_and_a_slice_without_lung_kept_whole(scan, finder):
    found = network_slices(scan, config(), finder=finder)
    assert finder.asked == [((4, 40, 48), (5.0, 2.0, 2.0))]
    assert found.boxes.tolist() == [[0, 0, 40, 48], *[[10, 8, 30, 40]] * 3]
    assert found.without_lung.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(found.lungs, scan.hu < 0)
    np.testing.assert_array_equal(found.hu, crop_resize(scan.hu, found.boxes, (32, 32)))
    inwards = network_slices(scan, config("crop.margin=-5"), finder=finder)
    assert inwards.boxes[1].tolist() == [15, 13, 25, 35]


def test_outside_the_lungs_slices_are_white_in_every_window_or_the_mean_of_the_lungs(scan, finder):
    before = scan.hu.copy()
    wide = ("crop.margin=4", "window={width: 1001, train: [-700, -500], predict: [-600, -450]}")
    white = network_slices(scan, config("crop.outside=white", *wide), finder=finder)
    assert white.hu[1].max() == 51  # -450 + 1001 / 2, rounded up
    mean = network_slices(scan, config("crop.outside=mean", *wide), finder=finder)
    assert mean.hu[1, 0, 0] == np.rint(scan.hu[1][scan.hu[1] < 0].mean()) != -800
    for found in (white, mean):
        assert (found.hu[0] == 30).all()  # without lung, as it was
    np.testing.assert_array_equal(scan.hu, before)


def test_lungs_are_sought_in_the_slices_that_were_selected(scan, finder):
    found = network_slices(scan, config("selection={method: ssfl, length: 2}"), finder=finder)
    assert len(found.index) == 2 and finder.asked[0][0] == (2, 40, 48)
    np.testing.assert_array_equal(found.lungs, scan.hu[found.index] < 0)


def test_a_crop_by_a_segmenter_does_not_go_without_one(scan):
    with pytest.raises(ValueError, match="attention_unet needs a finder"):
        network_slices(scan, config())


def test_another_segmenter_makes_other_slices_and_its_name_does_not_matter(cohort, finder, tmp_path):
    def made(finder, *settings):
        [one], failed = prepare(config(*settings), cohort.entries[:1], tmp_path / "store", finder=finder)
        assert not failed
        return one.record

    first = made(finder)
    calls = len(finder.asked)
    assert made(finder, "crop.segmenter=other/name") == first and len(finder.asked) == calls
    other = SimpleNamespace(lungs=finder.lungs, hash="darker")
    assert made(other) != first and len(finder.asked) == calls + 1
