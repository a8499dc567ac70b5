"""Window-levelling: Hounsfield units to [0, 1].

M3Lung-Sys (Qian et al., 2020), section III-A, "Multi-value Window-leveling": width 1200, the centre drawn
uniformly from [-700, -500] for every training image.
"""

import numpy as np

from tfcovid.errors import InputError
from tfcovid.preprocess.hounsfield import require_hu


def window(hu: np.ndarray, center: float | np.ndarray = -600.0, width: float = 1200.0) -> np.ndarray:
    """Levels HU through a window.

    Args:
        hu: (slices, height, width) or any other shape, HU.
        center: the middle of the window in HU; one number, or one for each entry of the first axis.
        width: the window's extent in HU, above 0.

    Returns:
        float32 of the same shape: 0 at and below center - width / 2, 1 at and above center + width / 2,
        linear between.

    Raises:
        InputError: `hu` is 8-bit, unsigned or NaN, `width` is not positive, or the centres do not match.
    """
    hu = require_hu(hu)
    if not width > 0:
        raise InputError(f"A window's width must be above 0 HU. Received: width {width}")
    center = np.asarray(center, np.float32)
    if center.ndim == 1 and hu.ndim and len(center) == len(hu):
        center = center.reshape(-1, *[1] * (hu.ndim - 1))
    elif center.ndim:
        raise InputError(
            f"Give one centre, or one for each entry of the first axis of shape {hu.shape}. "
            f"Received: centres of shape {center.shape}"
        )
    level = hu.astype(np.float32)
    level -= center - np.float32(width / 2)
    level /= np.float32(width)
    return np.clip(level, 0, 1, out=level)


def draw_centers(
    count: int, low: float = -700.0, high: float = -500.0, seed: int | np.random.Generator | None = None
) -> np.ndarray:
    """`count` window centres in HU, float64, uniform in [low, high).

    The same integer `seed` draws the same centres; a Generator is advanced; None draws anew.

    Raises:
        InputError: `low` above `high`.
    """
    if low > high:
        raise InputError(f"The lowest centre must not exceed the highest; swap them. Received: {low} to {high} HU")
    return np.random.default_rng(seed).uniform(low, high, count)
