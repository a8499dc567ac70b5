import numpy as np

_BLOCK = 2**16  # numbers of a resampled table at once: they stay in the cache


def ranking(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve and average precision of one score, for each row of weights.

    The area is the chance that a positive case scores above a negative one, equal scores counting half (Mann-Whitney).
    Average precision is the precision at each positive case's score, averaged over the positive cases; cases of equal
    score are called together, as in scikit-learn.

    Args:
        positive: `(cases,)` booleans.
        scores: `(cases,)`, higher for positive.
        weights: `(rows, cases)`, not negative.

    Returns:
        Two of `(rows,)`. The area is NaN without positive or without negative cases, the precision without positive.
    """
    order = np.argsort(scores, kind="stable")
    positive, scores, weights = positive[order], scores[order], weights
    ups, downs = order[positive], order[~positive]
    up, down = scores[positive], scores[~positive]
    # How many negative and positive cases score less than each positive one, and how many no more.
    less, no_more = (np.searchsorted(down, up, side) for side in ("left", "right"))
    ups_less = np.searchsorted(up, up, "left")
    areas, precisions = np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    size = max(1, _BLOCK // len(scores))
    for start in range(0, len(weights), size):
        block = np.ascontiguousarray(weights[start : start + size].T)  # (cases, rows): sums run over whole lines
        w = block[ups]
        below, ups_below = _sums(block[downs]), _sums(w)
        true, false = ups_below[-1] - ups_below[ups_less], below[-1] - below[less]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (below[less] + below[no_more]) / (2 * below[-1])
            areas[start : start + size] = np.einsum("cr,cr->r", w, share) / ups_below[-1]
            precision = true / np.maximum(true + false, np.finfo(float).tiny)
            precisions[start : start + size] = np.einsum("cr,cr->r", w, precision) / ups_below[-1]
    return areas, precisions


def _sums(weights: np.ndarray) -> np.ndarray:
    """`(cases + 1, rows)`: sums over the first none, one, two, ... cases."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums
