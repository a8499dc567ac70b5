"""Where 8-bit pixels and Hounsfield units meet: only through a window that somebody named."""

import numpy as np

from tfcovid.errors import InputError
from tfcovid.preprocess.hounsfield import require_hu


def to_8bit(hu: np.ndarray, center: float = -600.0, width: float = 1500.0) -> np.ndarray:
    """HU as 8-bit pixels, the way a system trained on 8-bit slices sees a scan.

    Args:
        hu: any shape, HU.
        center, width: the window in HU; the defaults are the lung window most published slices show.

    Returns:
        uint8 of the same shape: 0 at and below center - width / 2, 255 at and above center + width / 2,
        rounded to the nearest level between (halves up).

    Raises:
        InputError: `hu` is 8-bit, unsigned or NaN, or `width` is not positive.
    """
    hu = require_hu(hu)
    _require_width(width)
    level = hu.astype(np.float32)
    level -= np.float32(center - width / 2)
    # First times 255, then over the width: exact on whole HU, so that halves are halves.
    level *= np.float32(255)
    level /= np.float32(width)
    level += np.float32(0.5)
    np.clip(level, 0, 255, out=level)
    return level.astype(np.uint8)


def level_in_hu(level: int, center: float = -600.0, width: float = 1500.0) -> float:
    """The lowest HU that `to_8bit` shows at `level` (1 to 255) or above."""
    _require_width(width)
    return center - width / 2 + (level - 0.5) * width / 255


def from_8bit(pixels: np.ndarray, center: float, width: float) -> np.ndarray:
    """8-bit pixels back to HU, as far as the window they were made with kept them.

    What the window cut off stays cut off: 0 becomes center - width / 2, and 255 center + width / 2.

    Args:
        pixels: any shape, uint8.
        center, width: the window the pixels were made with, in HU. There is no default, only a fact.

    Returns:
        int16 of the same shape, HU rounded to the nearest integer. `to_8bit` with the same window gives
        `pixels` back wherever the window is at least 300 HU wide.

    Raises:
        InputError: `pixels` is not uint8, or the window is empty or leaves 16-bit HU.
    """
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8:
        raise InputError(
            f"8-bit pixels (uint8, 0 to 255) are needed; HU need no turning. Received: dtype {pixels.dtype}"
        )
    _require_width(width)
    low, high = center - width / 2, center + width / 2
    if low < -32768 or high > 32767:
        raise InputError(f"The window must lie within 16-bit HU. Received: center {center}, width {width}")
    return np.rint(low + np.arange(256) * (width / 255)).astype(np.int16)[pixels]


def _require_width(width: float) -> None:
    if not width > 0:
        raise InputError(f"A window's width must be above 0 HU. Received: width {width}")
