import numpy as np

from tfcovid.evaluation.boot_counts import boot_counts
from tfcovid.evaluation.measure import measure
from tfcovid.evaluation.predictions import Predictions

_BLOCK = 2**22  # weights held at once: slices of many scans would fill the memory


def boot_measure(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> dict[str, np.ndarray]:
    """Every figure of `measure` for the sample itself and for resamples of its patients, see `boot_counts`.

    Returns:
        name -> `(resamples + 1,)`, that of the sample first.
    """
    counts, patient = boot_counts(predictions.patients, resamples, seed)
    rows = max(1, _BLOCK // len(patient))
    found = [measure(predictions, block[:, patient]) for block in np.split(counts, range(rows, len(counts), rows))]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}
