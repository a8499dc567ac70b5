import numpy as np
import pytest

from tfcovid.data.mask_values import inside_and_unlabelled, read_mask_values, shares_text, value_shares
from tfcovid.errors import InputError


def mask(*values: int) -> np.ndarray:
    """A mask of one slice with these values, each in a tenth of it, and 0 in the rest."""
    return np.array([values + (0,) * (10 - len(values))], np.uint8).reshape(1, 2, 5)


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("", {}),
        ("infection=127,255", {"infection": {127, 255}}),
        (" lung = 1, 2 ;infection=3; unlabelled=255 ", {"lung": {1, 2}, "infection": {3}, "unlabelled": {255}}),
        ("infection=1;lung=1", {"infection": {1}, "lung": {1}}),  # of masks of their own
    ],
)
def test_a_map_is_read(text, meanings):
    assert read_mask_values(text) == meanings


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lesion=1", "are written as infection=127,255"),
        ("infection", "are written as"),
        ("infection=a", "are written as"),
        ("infection=1;infection=2", "are written as"),
        ("infection=1,255;unlabelled=255", "one meaning"),
    ],
)
def test_a_map_that_says_nothing_or_too_much_is_refused(text, says):
    with pytest.raises(InputError, match=f"{says}.*Received: '{text}'"):
        read_mask_values(text)


def test_a_map_decides_alone():
    meanings = read_mask_values("infection=127,255; background=1; unlabelled=9; lung=2")
    inside, unlabelled = inside_and_unlabelled(mask(127, 255, 1, 9), "lesions", meanings, picture=True)
    assert inside.ravel().tolist() == [True, True] + 8 * [False]
    assert unlabelled.ravel().tolist() == [False, False, False, True] + 6 * [False]
    with pytest.raises(InputError, match=r"2, 3 has no meaning.*Received: 0 \(80 %\), 2 \(10 %\), 3 \(10 %\)"):
        inside_and_unlabelled(mask(2, 3), "lesions", meanings, picture=True)


@pytest.mark.parametrize(
    ("values", "column", "picture", "fix"),
    [
        ((127, 255), "lesions", True, "infection=127,255"),
        ((1, 255), "lesions", True, "infection=1,255"),
        ((127, 255), "lesions", False, "infection=127,255"),
        ((255,), "lesions", False, "infection=255"),  # all of it, or nothing was looked at
        ((127, 255), "lungs", True, "lung=127,255"),
    ],
)
def test_a_mask_in_which_255_can_be_either_is_refused_with_what_to_write(values, column, picture, fix):
    with pytest.raises(InputError, match=rf"255 can be.*{fix} if all of it"):
        inside_and_unlabelled(mask(*values), column, {}, picture)


@pytest.mark.parametrize(
    ("values", "column", "picture", "inside", "unlabelled"),
    [
        ((255,), "lesions", True, 1, 0),
        ((255,), "lungs", False, 1, 0),
        ((1, 2), "lesions", True, 2, 0),
        ((1, 2, 255), "lesions", False, 2, 1),
        ((128, 140, 255, 3), "lesions", True, 3, 0),
    ],
)
def test_what_is_beyond_doubt_needs_no_map(values, column, picture, inside, unlabelled):
    where, unknown = inside_and_unlabelled(mask(*values), column, {}, picture)
    assert (np.count_nonzero(where), 0 if unknown is None else np.count_nonzero(unknown)) == (inside, unlabelled)


def test_values_are_counted_below_zero_too():
    signed = np.array([[[-3, 0, 0, 700]]], np.int16)
    assert value_shares(signed) == {-3: 0.25, 0: 0.5, 700: 0.25}
    assert shares_text(value_shares(np.arange(20, dtype=np.uint8).reshape(1, 4, 5))).endswith(
        "7 (5 %) and 12 more values"
    )
