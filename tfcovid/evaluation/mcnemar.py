from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class McNemar:
    """Cases that only one of two systems called right, and how likely so lopsided a split is by chance.

    Attributes:
        only_first: cases that the first system called right and the second wrong; `only_second` the other way round.
        exact: two-sided p-value. It keeps its level, and is rather large where few cases differ.
        mid_p: with half of the probability of what was seen itself: closer to its level.
    """

    only_first: int
    only_second: int
    exact: float
    mid_p: float


def mcnemar(first: Sequence[bool], second: Sequence[bool], clusters: Sequence[Hashable] | None = None) -> McNemar:
    """McNemar's exact test and its mid-p variant: whether two systems are right equally often on the same cases.

    Where both are equally good, which of them is which is decided by a coin for each patient: the distribution of the
    difference of their right answers over all these coins is computed exactly. With one case a patient this is the
    binomial test of McNemar (Psychometrika 12, 1947), mid-p as in Fagerland, Lydersen and Laake (BMC Medical Research
    Methodology 13:91, 2013). The cases of a patient are not independent, and change sides together.

    Args:
        first: whether the first system called each case right; `second` the same of the second.
        clusters: the patient of each case; by default every case is of another.
    """
    gain = np.asarray(first, int) - np.asarray(second, int)
    clusters = range(len(gain)) if clusters is None else clusters
    number = {name: n for n, name in enumerate(dict.fromkeys(clusters))}
    net = np.zeros(len(number), int)
    np.add.at(net, [number[name] for name in clusters], gain)

    chances = np.ones(1)  # of the sums -total, ..., total
    for size in np.abs(net[net != 0]):
        longer = np.zeros(len(chances) + 2 * size)
        longer[: len(chances)] += chances / 2
        longer[2 * size :] += chances / 2
        chances = longer
    distance = np.abs(np.arange(len(chances)) - len(chances) // 2)
    seen = abs(net.sum())
    same, beyond = chances[distance == seen].sum(), chances[distance > seen].sum()
    mid_p = beyond + same / 2 if net.any() else 1.0  # else nothing was seen that could speak for a difference
    only_first, only_second = int((gain > 0).sum()), int((gain < 0).sum())
    return McNemar(only_first, only_second, float(min(1, same + beyond)), float(mid_p))
