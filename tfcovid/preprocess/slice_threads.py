"""A stack of slices shared out among threads."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tfcovid.errors import InputError


def on_runs_of_slices(function: Callable[[np.ndarray], list], slices: np.ndarray, threads: int | None = None) -> list:
    """One entry a slice, in order, from a function that takes a run of neighbouring slices.

    Runs, because a function can then lay out its working memory once and not once a slice, which costs more
    than the work itself. Threads, because NumPy and OpenCV let go of the interpreter's lock while they work.

    Args:
        function: (run, ...) to a list of as many entries.
        slices: (slices, ...).
        threads: how many runs at once; None takes the processor cores open to this process, at most 8.

    Raises:
        InputError: fewer than one thread.
    """
    if threads is None:
        threads = min(8, _open_cores())
    if threads < 1:
        raise InputError(f"At least one thread is needed; None picks a number. Received: threads {threads}")
    threads = min(threads, len(slices))
    if threads <= 1:
        return function(slices)
    cuts = [len(slices) * i // threads for i in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        runs = [slices[start:stop] for start, stop in itertools.pairwise(cuts)]
        return list(itertools.chain.from_iterable(pool.map(function, runs)))


def _open_cores() -> int:
    # Not everywhere: Windows and macOS do not tell which cores a process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
