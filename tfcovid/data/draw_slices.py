"""Which slices an epoch sees."""

import numpy as np


def draw_slices(
    targets: np.ndarray,
    scans: np.ndarray,
    seed: int,
    epoch: int,
    slices: int | None = None,
    balance: bool = False,
) -> np.ndarray:
    """How often each slice is drawn in an epoch; follows from the seed and the epoch's number alone.

    Args:
        targets: `(slices,)` class of each slice, -1 for a slice that is left out.
        scans: `(slices,)` number of the scan that each slice is of.
        slices: so many random slices of every scan, each at most once (eff-mix-conv takes 16); all by default.
        balance: every class equally often, to one slice, with the total as it would be. Commoner classes lose random
            slices; rarer ones get slices that `slices` had left out, and when there are none left, repeat.

    Returns:
        `(slices,)` int64, 0 for slices that are not drawn.
    """
    rng = np.random.default_rng([seed, epoch, 0])
    (labelled,) = np.nonzero(targets >= 0)
    # In random order, but those first that a draw of `slices` a scan would take.
    order = labelled[rng.permutation(len(labelled))]
    turn = _rank_in_group(scans[order]) // (slices or len(order) or 1)
    order = order[np.argsort(turn, kind="stable")]
    total = int(np.count_nonzero(turn == 0))
    counts = np.zeros(len(targets), np.int64)
    if not balance:
        counts[order[:total]] = 1
        return counts
    classes = rng.permutation(np.unique(targets[labelled]))  # a remainder does not always fall to the same
    for n, one in enumerate(classes):
        members = order[targets[order] == one]
        wanted = total // len(classes) + (n < total % len(classes))
        counts[members] = wanted // len(members)
        counts[members[: wanted % len(members)]] += 1
    return counts


def _rank_in_group(groups: np.ndarray) -> np.ndarray:
    """For each member of a group how many of its group stand before it."""
    by_group = np.argsort(groups, kind="stable")
    _, first, sizes = np.unique(groups[by_group], return_index=True, return_counts=True)
    ranks = np.empty(len(groups), np.int64)
    ranks[by_group] = np.arange(len(groups)) - np.repeat(first, sizes)
    return ranks
