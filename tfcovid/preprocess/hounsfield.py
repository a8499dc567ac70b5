"""The door check for anything that reads Hounsfield units."""

import numpy as np

from tfcovid.errors import InputError


def require_hu(hu: np.ndarray, ndim: int | None = None) -> np.ndarray:
    """`hu` as an array, once it is plain that its numbers can be Hounsfield units.

    Args:
        hu: signed integers of 16 bits or more, or floats; HU.
        ndim: the number of axes wanted, or None for any.

    Raises:
        InputError: 8-bit or unsigned numbers, NaN, no pixels at all, or the wrong number of axes.
    """
    hu = np.asarray(hu)
    if hu.dtype.kind not in "if" or hu.dtype.itemsize == 1:
        raise InputError(
            "Hounsfield units are needed, as signed 16-bit integers or floats. If these are 8-bit pixels and "
            "you know their window, turn them back with tfcovid.preprocess.from_8bit(pixels, center, width). "
            f"Received: dtype {hu.dtype}, shape {hu.shape}"
        )
    if ndim is not None and hu.ndim != ndim:
        axes = {2: "(height, width)", 3: "(slices, height, width)"}[ndim]
        raise InputError(f"The array must have the axes {axes}. Received: shape {hu.shape}")
    if hu.size == 0:
        raise InputError(f"The scan has no pixels; check what was read. Received: shape {hu.shape}")
    # The minimum of anything with a NaN is NaN: one pass, no mask.
    if hu.dtype.kind == "f" and np.isnan(hu.min()):
        raise InputError(
            "The scan holds NaN; replace it, for example with -1024 (air) outside the scanned circle. "
            f"Received: {int(np.isnan(hu).sum())} NaN in shape {hu.shape}"
        )
    return hu
