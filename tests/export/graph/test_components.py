import numpy as np
import pytest
from scipy import ndimage

from tfcovid.export.graph.components import components
from tfcovid.export.graph.filled import filled
from tfcovid.export.graph.runs import runs


def labelled(mask):
    """The numbers of the components of 6 neighbours, as pixels; 0 where there is none."""
    found = runs(mask)
    component, count = components(found, mask.shape[1:], connectivity=6)
    assert not len(component) or int(component.numpy().max()) < int(count)
    numbers = np.zeros(mask.shape, int)
    for k, row, start, stop, number in np.stack([*found, component], 1):
        numbers[k, row, start:stop] = number + 1
    return numbers


@pytest.mark.parametrize("density", [0.1, 0.25, 0.31, 0.35, 0.6])
def test_noise_hangs_together_through_slices_as_scipy_has_it(density):
    # At 0.31 components of 6 neighbours begin to span a volume: the most winding ones.
    mask = np.random.default_rng(2).random((9, 30, 40)) < density
    ours, (theirs, number) = labelled(mask), ndimage.label(mask)
    pairs = np.unique(np.stack([ours[mask], theirs[mask]]), axis=1)
    assert pairs.shape[1] == number == len(np.unique(ours[mask]))


def test_what_only_a_slice_joins_is_one():
    mask = np.zeros((3, 5, 6), bool)
    mask[0, 1, 1] = mask[0, 3, 4] = mask[1, 1, 1] = mask[1, 3, 4] = True
    mask[2, 1:4, 1] = mask[2, 3, 1:5] = True
    numbers = labelled(mask)
    assert len(np.unique(numbers[mask])) == 1
    numbers = labelled(mask[:2])
    assert numbers[0, 1, 1] == numbers[1, 1, 1] != numbers[0, 3, 4] == numbers[1, 3, 4]


def test_a_mask_comes_back_from_its_runs():
    mask = np.random.default_rng(0).random((3, 20, 31)) < 0.5
    np.testing.assert_array_equal(filled(runs(mask), mask.shape), mask)
    assert not filled(runs(mask[:0]), (2, 4, 5)).numpy().any()
