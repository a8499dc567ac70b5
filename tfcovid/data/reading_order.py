"""In which order an epoch's slices are read from the store."""

import numpy as np


def reading_order(
    counts: np.ndarray, shards: np.ndarray, seed: int, epoch: int, block: int, interleaved: int = 64
) -> np.ndarray:
    """The drawn slices in an order that is random enough to train with and still kind to a disk.

    Shards come in random order, `interleaved` at a time, each spread evenly over the time of its group; then the
    slices of every block are shuffled. A block thus holds a short run of neighbours from each of many shards, which
    can be read one after the other. A slice drawn twice is read with another visit to its shard.

    Args:
        counts: `(slices,)` how often each slice is drawn, see `draw_slices`.
        shards: `(slices,)` number of the file that each slice is in.
        block: slices in a block.

    Returns:
        `(drawn,)` int64, numbers of slices.
    """
    rng = np.random.default_rng([seed, epoch, 1])
    slices = np.repeat(np.arange(len(counts)), counts)
    repeat = np.arange(len(slices)) - np.repeat(np.cumsum(counts) - counts, counts)
    _, visit = np.unique(shards[slices] * (counts.max(initial=0) + 1) + repeat, return_inverse=True)
    lengths = np.bincount(visit)
    turn = rng.permutation(len(lengths))
    # Sorted by visit, each visit in the order of its file.
    by_visit = np.argsort(visit, kind="stable")
    slices, visit = slices[by_visit], visit[by_visit]
    within = np.arange(len(slices)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    time = (within + rng.random(len(lengths))[visit]) / lengths[visit]
    slices = slices[np.lexsort((time, turn[visit] // interleaved))]
    return slices[np.lexsort((rng.random(len(slices)), np.arange(len(slices)) // block))]
