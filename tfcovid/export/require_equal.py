from collections.abc import Mapping

import numpy as np

from tfcovid.errors import InputError

MASK_SHARE = 1e-4  # of voxels that may be called otherwise: where two labels are all but equally likely


def require_equal(
    what: str, found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], tolerance: float
) -> float:
    """The largest difference of the numbers that an export gives from those of its bundle.

    Probabilities and maps are compared as they are, features by the size of the largest. Whole numbers and truth values
    have to be the same, but for one voxel of a mask in ten thousand.

    Args:
        what: the export, and which part of it, in words.
        found: name of each output -> what the export gives.
        expected: the same of the bundle.

    Raises:
        InputError: another set of outputs, other shapes, or a difference above `tolerance`.
    """
    if set(found) != set(expected):
        raise InputError(f"{what} gives {', '.join(sorted(found))}; its bundle gives {', '.join(sorted(expected))}.")
    largest = 0.0
    for name, right in expected.items():
        given, right = np.asarray(found[name]), np.asarray(right)
        if given.shape != right.shape:
            raise InputError(f"{what}: {name} has the shape {given.shape}, of the bundle {right.shape}.")
        if right.dtype.kind == "f":
            difference = float(np.abs(given - right).max(initial=0))
            if name == "features":
                difference /= max(float(np.abs(right).max(initial=0)), 1e-6)
            if not difference <= tolerance:  # NaN is not
                raise InputError(
                    f"{what} is not equal to its bundle, and was not exported: {name} differs by {difference:.2g}, "
                    f"more than {tolerance:g}."
                )
            largest = max(largest, difference)
        elif name == "mask":
            share = float(np.mean(given != right))
            if share > MASK_SHARE:
                raise InputError(
                    f"{what} is not equal to its bundle, and was not exported: {share:.2%} of the mask is called "
                    f"otherwise, more than {MASK_SHARE:.2%}."
                )
        elif not np.array_equal(given, right):
            raise InputError(f"{what} is not equal to its bundle, and was not exported: {name} differs.")
    return largest
