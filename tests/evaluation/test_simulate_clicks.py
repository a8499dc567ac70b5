import numpy as np
import pytest
from scipy import ndimage

from tfcovid.errors import InputError
from tfcovid.evaluation.simulate_clicks import NextClick, click_curve, next_click

SHAPE = (12, 14, 16)


def box(*slices):
    mask = np.zeros(SHAPE, bool)
    mask[slices] = True
    return mask


# 125 voxels, 36 and 27; the second and the third touch at a corner.
LARGE, MIDDLE, SMALL = (
    box(slice(6, 11), slice(7, 12), slice(9, 14)),
    box(slice(0, 3), slice(0, 4), slice(0, 3)),
    box(slice(3, 6), slice(4, 7), slice(3, 6)),
)
NOTHING = np.zeros(SHAPE, bool)


def test_the_click_is_in_the_middle_of_the_largest_fault():
    assert next_click(LARGE | SMALL, NOTHING) == NextClick((8, 9, 11), positive=True)
    assert next_click(SMALL, LARGE | SMALL) == NextClick((8, 9, 11), positive=False)
    assert next_click(LARGE | SMALL, LARGE) == NextClick((4, 5, 4), positive=True)
    assert next_click(LARGE, LARGE) is None and next_click(NOTHING, NOTHING) is None


def test_a_fault_that_hangs_together_by_a_corner_is_one_and_missed_and_wrong_are_two():
    """36 + 27 voxels missed are more than 60 wrong, though neither part is."""
    wrong = box(slice(0, 3), slice(8, 12), slice(8, 13))
    assert next_click(MIDDLE | SMALL, wrong).positive
    assert not next_click(MIDDLE, SMALL | wrong).positive
    touching = box(slice(0, 3), slice(4, 9), slice(0, 3))
    assert next_click(MIDDLE, touching) == NextClick((1, 5, 1), positive=False)


def test_the_deepest_voxel_is_so_in_mm_and_the_edge_of_the_scan_is_a_border():
    """A corner of 4 x 6 x 8 voxels: of 1 mm each its middle, of thin slices the middle of those."""
    corner = box(slice(0, 4), slice(0, 6), slice(0, 8))
    assert next_click(corner, NOTHING, (5.0, 1.0, 1.0)).place[1:] in {(2, 2), (2, 3), (2, 4), (2, 5)}
    depth = ndimage.distance_transform_edt(np.pad(corner, 1), sampling=(1.0, 0.5, 2.0))[1:-1, 1:-1, 1:-1]
    place = next_click(corner, NOTHING, (1.0, 0.5, 2.0)).place
    assert depth[place] == depth.max() and place == np.unravel_index(depth.argmax(), SHAPE)


def test_a_seed_draws_by_the_distance_to_the_border():
    cut = box(slice(2, 5), slice(2, 7), slice(2, 7)) & ~box(3, 4, 5)
    depth = ndimage.distance_transform_cdt(cut)
    weight = np.exp(depth) - 1.0
    drawn = [next_click(cut, NOTHING, seed=seed).place for seed in range(1500)]
    assert all(cut[place] for place in drawn)
    share = np.mean([depth[place] == 2 for place in drawn])
    assert share == pytest.approx(weight[depth == 2].sum() / weight.sum(), abs=0.04)
    assert next_click(cut, NOTHING, seed=(3, 4)) == next_click(cut, NOTHING, seed=(3, 4))


def test_a_reader_who_is_heard_at_once_needs_a_click_for_every_fault():
    """Each click puts the component that it lies in right."""
    truth, parts = LARGE | MIDDLE, (LARGE, MIDDLE, box(slice(9, 12), slice(0, 5), slice(0, 5)))
    heard = []

    def segment(clicks):
        heard.append(clicks.count)
        mask = parts[2].copy()
        for points, value in ((clicks.positive, True), (clicks.negative, False)):
            for place in points.astype(int):
                (part,) = (part for part in parts if part[tuple(place)])
                mask[part] = value
        return mask

    curve = click_curve(segment, truth, counts=(0, 1, 2, 3, 10))
    # 161 true voxels; 75 wrong ones are called at first, the 36 are the last fault.
    assert curve == {0: 0.0, 1: pytest.approx(250 / (161 + 200)), 2: pytest.approx(250 / (161 + 125)), 3: 1.0, 10: 1.0}
    assert heard == [0, 1, 2, 3]


def test_voxels_that_nobody_labelled_neither_count_nor_are_clicked():
    places = []

    def segment(clicks):
        places.extend(map(tuple, clicks.positive))
        return SMALL

    assert click_curve(segment, SMALL, (0,), known=~LARGE) == {0: 1.0}
    curve = click_curve(segment, MIDDLE | LARGE | SMALL, (0, 1), known=~LARGE)
    assert curve[0] == pytest.approx(54 / (63 + 27)) and places == [(1, 1, 1)]


@pytest.mark.parametrize("mask", [LARGE.astype("uint8"), LARGE[1:]])
def test_masks_that_do_not_go_together(mask):
    with pytest.raises(InputError, match=r"bool and of one scan.*Received: bool of \(12, 14, 16\) and "):
        next_click(LARGE, mask)


def test_counts_that_are_none():
    with pytest.raises(InputError, match=r"Received: \(-1, 2\)"):
        click_curve(lambda clicks: LARGE, LARGE, (-1, 2))
