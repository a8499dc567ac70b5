"""What the numbers of a mask mean: by the map of its manifest entry, or by a rule where that is beyond doubt."""

from collections.abc import Mapping

import numpy as np

from tfcovid.errors import InputError

UNLABELLED = 255
# What a map may name, and the column of the manifest whose masks it is about; None for masks of both.
_MEANINGS = {"background": None, "unlabelled": None, "lung": "lungs", "infection": "lesions"}

# Pictures with smoothed edges, or saved as JPEG, have more values than this; label maps of the chest have fewer.
_MOST_LABELS = 32
_INSIDE = 127  # a drawn mask is inside above this grey level
_SHOWN = 8


def read_mask_values(text: str) -> dict[str, frozenset[int]]:
    """Return the numbers of each meaning, of a text such as "infection=127,255; lung=1,2".

    Meanings are lung, infection, background and unlabelled (nobody looked there). 0 is background unless another
    meaning claims it.

    Raises:
        InputError: another meaning, no whole numbers, or a number with two meanings.
    """
    meanings: dict[str, frozenset[int]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, numbers = (word.strip() for word in part.partition("="))
        try:
            values = frozenset(int(number) for number in numbers.split(","))
        except ValueError:
            values = frozenset()
        if name not in _MEANINGS or not values or name in meanings:
            raise InputError(
                "mask values are written as infection=127,255 or lung=1,2; background and unlabelled can be named too, "
                f"and several are parted by semicolons. Received: {text!r}"
            )
        meanings[name] = values
    for column in ("lungs", "lesions"):
        claimed = [number for name in _names_of(column) for number in meanings.get(name, ())]
        if len(set(claimed)) < len(claimed):
            raise InputError(f"mask values: a number has one meaning in a mask. Received: {text!r}")
    return meanings


def inside_and_unlabelled(
    mask: np.ndarray, column: str, meanings: Mapping[str, frozenset[int]], picture: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return where a mask is inside, and where it is unlabelled, None if nowhere; both `(slices, height, width)` bool.

    By `meanings` where they say what is inside masks of this column; where they only say what is unlabelled, all other
    numbers above 0 are inside. Otherwise by rules: more than 32 values, or some
    between 127 and 255 beside 255, are drawn edges, and above 127 is inside. 0 and 255 alone are outside and inside
    in a picture and in a mask of lungs. 255 beside small numbers is unlabelled, and every other number above 0 inside.

    Args:
        column: of the manifest, "lungs" or "lesions".
        picture: whether the file is one without a place in the patient.

    Raises:
        InputError: a number that the meanings do not name, or 255 that could be inside or unlabelled.
    """
    shares = value_shares(mask)
    inside = next(name for name, of in _MEANINGS.items() if of == column)
    unlabelled = np.isin(mask, list(meanings["unlabelled"])) if "unlabelled" in meanings else None
    if inside in meanings:
        named = {number for name in _names_of(column) for number in meanings.get(name, ())} | {0}
        if strange := sorted(set(shares) - named):
            raise InputError(
                f"mask values: {', '.join(map(str, strange[:_SHOWN]))} has no meaning; name it, as background if it is "
                f"nothing. Received: {shares_text(shares)}"
            )
        return np.isin(mask, list(meanings[inside])), unlabelled
    if unlabelled is not None:
        return (mask > 0) & ~unlabelled & ~np.isin(mask, list(meanings.get("background", ()))), unlabelled
    values = set(shares)
    smooth = UNLABELLED in values and any(_INSIDE < value < UNLABELLED for value in values)
    # Nobody's chest has unlabelled voxels and not a single one of lung.
    two_levels = values <= {0, UNLABELLED} and (picture or column == "lungs")
    if smooth or two_levels or len(values) > _MOST_LABELS:
        return mask > _INSIDE, None
    if UNLABELLED not in values:
        return mask > 0, None  # below lie the edges of a mask that was interpolated
    labels = values - {0, UNLABELLED}
    if picture or not labels or max(labels) > _MOST_LABELS:
        most = ",".join(str(value) for value in sorted(values - {0}))
        raise InputError(
            f"255 can be {inside} in this mask, or what nobody looked at: say so in the column mask_values of the "
            f"manifest, or by `tfcovid index --mask-values`: {inside}={most} if all of it is {inside}, or "
            f"unlabelled=255. Received: {shares_text(shares)}"
        )
    unlabelled = mask == UNLABELLED
    return (mask > 0) & ~unlabelled, unlabelled


def value_shares(mask: np.ndarray) -> dict[int, float]:
    """Return the share of the voxels that has each value that occurs."""
    offset = 2**15 if mask.dtype == np.int16 else 0
    counts = np.zeros(2**16 if offset else 2**8, np.int64)
    for one in mask:  # counting is far faster than sorting, and a slice at a time takes no memory
        levels = (one.view(np.uint16) ^ np.uint16(offset)) if offset else one
        counts += np.bincount(levels.ravel(), minlength=len(counts))
    return {int(value) - offset: counts[value] / mask.size for value in np.flatnonzero(counts)}


def shares_text(shares: Mapping[int, float]) -> str:
    """Return values with their shares, such as "0 (97.2 %), 127 (2.1 %), 255 (0.7 %)"."""
    shown = ", ".join(f"{value} ({100 * share:.2g} %)" for value, share in list(shares.items())[:_SHOWN])
    return shown if len(shares) <= _SHOWN else f"{shown} and {len(shares) - _SHOWN} more values"


def _names_of(column: str) -> list[str]:
    return [name for name, of in _MEANINGS.items() if of in (None, column)]
