from collections.abc import Sequence

import numpy as np


def boot_counts(patients: Sequence[str], resamples: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """How often each patient counts in the sample itself and in its resamples.

    As many patients as there are are drawn with replacement. They are numbered as they come, so that the same seed
    draws the same patients for another system with the same table.

    Args:
        patients: whose each case is.

    Returns:
        `(resamples + 1, patients)` whole numbers, the first row ones, and `(cases,)` the number of each case's patient.
    """
    number = {name: n for n, name in enumerate(dict.fromkeys(patients))}
    people = len(number)
    drawn = np.random.default_rng(seed).integers(0, people, (resamples, people))
    drawn += np.arange(resamples)[:, None] * people
    counts = np.bincount(drawn.ravel(), minlength=resamples * people).reshape(resamples, people)
    return np.concatenate([np.ones((1, people)), counts]), np.array([number[name] for name in patients])
