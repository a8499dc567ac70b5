from dataclasses import dataclass

import numpy as np

from tfcovid.evaluation.boot_counts import boot_counts
from tfcovid.evaluation.interval import interval
from tfcovid.evaluation.predictions import Predictions

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """How often answers are right that were given with some confidence, in bins of equal width.

    Args:
        edges: `(bins + 1,)` of the confidence.
        count: `(bins,)` cases.
        confidence: `(bins,)` mean confidence; NaN in empty bins, as the next.
        right: `(bins,)` share that is right, with its 95 % interval over patients, `low` and `high`.
        ece: the expected calibration error (Guo et al., ICML 2017): the mean over cases of how far the bins are off.
        by_chance: `(2,)` the mean and the 95th percentile of this error if answers of these very confidences were
            right exactly as often as they say (Broecker and Smith, Weather and Forecasting 22, 2007): an `ece` below
            the second is no sign of a wrong calibration. NaN where patients have several cases: how alike those are
            by chance is not known.
    """

    edges: np.ndarray
    count: np.ndarray
    confidence: np.ndarray
    right: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ece: float
    by_chance: np.ndarray


def bin_numbers(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The bin of equal width that each confidence in [0, 1] falls in; the last also takes 1."""
    return np.minimum((confidence * bins).astype(int), bins - 1)


def reliability(predictions: Predictions, bins: int = BINS, resamples: int = 1000, seed: int = 0) -> Reliability:
    """Confidence, the probability of the label that was called, against the share that is right."""
    cases = np.arange(len(predictions.truth))
    confidence = predictions.probabilities[cases, predictions.called]
    right = predictions.truth == predictions.called
    number = bin_numbers(confidence, bins)
    count = np.bincount(number, minlength=bins)
    counts, patient = boot_counts(predictions.patients, resamples, seed)
    sums = np.zeros((2, counts.shape[1], bins))  # of each patient's cases in a bin, and of those that are right
    np.add.at(sums, (0, patient, number), 1)
    np.add.at(sums, (1, patient, number), right)
    with np.errstate(invalid="ignore"):
        shares = (counts @ sums[1]) / (counts @ sums[0])
        mean = np.bincount(number, confidence, bins) / count
    ends = [interval(shares[:, n], np.count_nonzero(sums[0, :, n])) for n in range(bins)]
    low, high = np.array(ends).T
    rng = np.random.default_rng(seed)

    def error(right: np.ndarray) -> float:
        return float(np.abs(np.bincount(number, right - confidence, bins)).sum() / len(cases))

    by_chance = np.full(2, np.nan)
    if counts.shape[1] == len(cases):
        luck = [error(rng.random(len(cases)) < confidence) for _ in range(resamples)]
        by_chance = np.array([np.mean(luck), np.quantile(luck, 0.95)])
    return Reliability(
        np.linspace(0, 1, bins + 1),
        count,
        mean,
        shares[0],
        low,
        high,
        error(right),
        by_chance,
    )
