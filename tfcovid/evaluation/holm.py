from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of a family of tests, adjusted so that the chance of any false alarm among them is kept.

    The step-down procedure of Holm, Scandinavian Journal of Statistics 6 (1979): the smallest is multiplied by the
    number of tests, the next by one less, and so on; none becomes smaller than one before it, none larger than 1. A
    NaN is a test that was not made: it stays NaN and does not count.
    """
    p = np.asarray(p_values, float)
    adjusted = np.full(len(p), np.nan)
    order = [n for n in np.argsort(p, kind="stable") if not np.isnan(p[n])]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()
