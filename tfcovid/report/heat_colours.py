"""The colours of lesion maps, in every picture and page: warm is suspicious, 0 is nothing, and 1 is 1 everywhere."""

import numpy as np

_COVER = 0.6  # opacity of the warmest: the slice stays to be seen
_LUNG = 0.25  # grey level


def heat_colours(heat: np.ndarray) -> np.ndarray:
    """`(..., 3)` in [0, 1], red, green, blue, of a map in [0, 1]."""
    import matplotlib

    return matplotlib.colormaps["inferno"](0.5 + 0.38 * np.clip(heat, 0, 1))[..., :3]


def heat_cover(heat: np.ndarray) -> np.ndarray:
    """Opacity in [0, 1] of these colours over the slice."""
    return _COVER * np.clip(heat, 0, 1) ** 0.75


def heat_overlay(grey: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """`(..., 3)` in [0, 1] of a slice and the map over it, both in [0, 1]."""
    cover = heat_cover(heat)[..., None]
    return (1 - cover) * np.clip(grey, 0, 1)[..., None] + cover * heat_colours(heat)


def heat_scale(steps: int) -> np.ndarray:
    """`(steps, 3)` in [0, 1]: the colours from 0 to 1 as they look over lung."""
    return heat_overlay(np.full(steps, _LUNG), np.linspace(0, 1, steps))
