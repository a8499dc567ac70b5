from collections.abc import Sequence

import numpy as np

# Told apart by readers who do not see red and green apart, and from grey.
_COLOURS = {
    "background": (0, 0, 0),
    "lung": (86, 180, 233),
    "left lung": (86, 180, 233),
    "right lung": (0, 190, 140),
    "infection": (255, 120, 20),
}
_OTHERS = ((240, 228, 66), (204, 121, 167))


def mask_colours(labels: Sequence[str]) -> np.ndarray:
    """`(labels, 3)` uint8, red, green and blue of each label; the same label has the same colour everywhere."""
    return np.array([_COLOURS.get(name, _OTHERS[n % len(_OTHERS)]) for n, name in enumerate(labels)], np.uint8)
