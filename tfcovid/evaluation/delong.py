from collections.abc import Sequence

import numpy as np


def delong(
    positive: np.ndarray, scores: np.ndarray, clusters: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Areas under the ROC curves of some scores of the same cases, and the covariance of the areas.

    After DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988); where patients have several cases, after Obuchowski
    (Biometrics 53, 1997), whose estimate for clusters of one case is the former.

    Args:
        positive: `(cases,)` booleans.
        scores: `(scores, cases)`, higher for positive; equal ones count half.
        clusters: whose each case is; by default each is another patient's.

    Returns:
        `(scores,)` and `(scores, scores)`. NaN areas without positive or negative cases; NaN covariance where only one
        patient has positive or only one has negative cases.
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    positive = np.asarray(positive, bool)
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return np.full(len(scores), np.nan), np.full((len(scores), len(scores)), np.nan)
    # Each case's placement: the share of the other kind that it is in order with.
    placed = np.empty_like(scores)
    for row, one in zip(placed, scores, strict=True):
        for this, other, sign in ((positive, ~positive, 1), (~positive, positive, -1)):
            ranked = np.sort(sign * one[other])
            between = [np.searchsorted(ranked, sign * one[this], side) for side in ("left", "right")]
            row[this] = (between[0] + between[1]) / (2 * len(ranked))
    areas = placed[:, positive].mean(axis=1)
    numbers = {name: n for n, name in enumerate(dict.fromkeys(range(len(positive)) if clusters is None else clusters))}
    cluster = np.arange(len(positive)) if clusters is None else np.array([numbers[name] for name in clusters])
    off = placed - areas[:, None]
    sums = np.zeros((2, len(scores), len(numbers)))  # of each patient's positive cases, and of the negative ones
    for kind, chosen in zip(sums, (positive, ~positive), strict=True):
        for row, values in zip(kind, off[:, chosen], strict=True):
            row += np.bincount(cluster[chosen], values, len(numbers))
    with_ups, with_downs = (len(np.unique(cluster[chosen])) for chosen in (positive, ~positive))
    if min(with_ups, with_downs) < 2:
        return areas, np.full((len(scores), len(scores)), np.nan)
    up = sums[0] @ sums[0].T * with_ups / (with_ups - 1) / ups**2
    down = sums[1] @ sums[1].T * with_downs / (with_downs - 1) / downs**2
    both = sums[0] @ sums[1].T * len(numbers) / (len(numbers) - 1) / (ups * downs)
    return areas, up + down + both + both.T
