from collections.abc import Sequence

import numpy as np


def key_slices(suspicion: Sequence[float], count: int = 6) -> list[int]:
    """Numbers of the slices to show first: the most suspicious, apart from each other, in ascending order.

    No two are closer than half the distance at which `count` would be spread evenly. Slices without suspicion are
    not chosen; where there is no other, the middle one is.

    Args:
        suspicion: of each slice, 0 or more.
    """
    suspicion = np.asarray(suspicion, float)
    least = max(1, len(suspicion) // (2 * count))
    chosen: list[int] = []
    for k in np.argsort(-suspicion, kind="stable").tolist():
        if len(chosen) == count or suspicion[k] <= 0:
            break
        if all(abs(k - other) >= least for other in chosen):
            chosen.append(k)
    return sorted(chosen) or [len(suspicion) // 2]
