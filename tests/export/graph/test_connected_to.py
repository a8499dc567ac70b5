import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tfcovid.export.graph.connected_to import connected_to
from tfcovid.export.graph.runs import runs


@tf.function(input_signature=[tf.TensorSpec([None] * 3, tf.bool), tf.TensorSpec([], tf.bool)], autograph=False)
def without_first_row(mask, corners):
    """The runs of a mask, and which of them hang together with the first row."""
    found = runs(mask)
    reached = [connected_to(found, found.row == 0, tf.shape(mask)[1:], connectivity) for connectivity in (4, 8)]
    return found, tf.where(corners, reached[1], reached[0])


def assert_as_scipy(mask):
    for connectivity, structure in ((4, None), (8, np.ones((3, 3)))):
        found, reached = without_first_row(mask, connectivity == 8)
        ours = np.zeros(mask.shape, bool)
        for k, row, start, stop in np.stack(found, 1)[reached.numpy()]:
            ours[k, row, start:stop] = True
        for one, found_one in zip(mask, ours, strict=True):
            number, _ = ndimage.label(one, structure)
            np.testing.assert_array_equal(found_one, np.isin(number, number[0][one[0]]))


def spiral(size):
    """A path one pixel wide that winds from the corner to the middle, with walls one pixel wide."""
    mask = np.zeros((size, size), bool)
    row = column = 0
    d_row, d_column = 0, 1
    mask[0, 0] = True
    while True:
        for _ in range(2):
            ahead = row + 2 * d_row, column + 2 * d_column
            if 0 <= ahead[0] < size and 0 <= ahead[1] < size and not mask[ahead]:
                break
            d_row, d_column = d_column, -d_row
        else:
            return mask
        row, column = row + d_row, column + d_column
        mask[row, column] = True
        if not (0 <= row + d_row < size and 0 <= column + d_column < size):
            d_row, d_column = d_column, -d_row


def maze(size, seed):
    """Cells at even places, joined to a random neighbour each: long, branched ways and closed parts."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((size, size), bool)
    mask[::2, ::2] = True
    for row in range(0, size - 2, 2):
        for column in range(0, size - 2, 2):
            d_row, d_column = ((0, 1), (1, 0))[rng.integers(2)]
            mask[row + d_row, column + d_column] = True
    return mask


@pytest.mark.parametrize("density", [0.1, 0.41, 0.5, 0.59, 0.9])
def test_noise_of_any_density_hangs_together_as_scipy_has_it(density):
    # At 0.41 and 0.59 components of 8 and of 4 neighbours begin to span the image: the most winding ones.
    assert_as_scipy(np.random.default_rng(1).random((3, 60, 75)) < density)


def test_winding_ways_are_followed_to_their_end():
    way = spiral(61)
    assert way[30, 28:33].any() and way.sum() > 1500
    turns = np.stack([np.rot90(one, k) for one in (way, maze(61, 0), maze(61, 1)) for k in range(4)])
    assert_as_scipy(turns)


def test_a_comb_that_only_its_last_row_joins_is_one():
    comb = np.zeros((1, 40, 41), bool)
    comb[0, 2:, ::2] = comb[0, -1] = comb[0, 0, 0] = comb[0, 1, 0] = True
    found, reached = without_first_row(comb, False)
    assert reached.numpy().all() and len(found.row) > 700


def test_neither_slices_nor_the_ends_of_rows_touch():
    mask = np.zeros((2, 3, 4), bool)
    mask[0, 0, 3] = mask[0, 1, 0] = mask[0, 2] = mask[1, 1, 0] = True
    assert_as_scipy(mask)
    _, reached = without_first_row(mask, True)
    assert reached.numpy().tolist() == [True, False, False, False]


def test_a_mask_of_nothing_has_no_runs():
    found, reached = without_first_row(np.zeros((2, 3, 4), bool), True)
    assert len(reached) == len(found.row) == 0
