from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfcovid.errors import InputError
from tfcovid.evaluation.boot_counts import boot_counts
from tfcovid.evaluation.figure import Figure
from tfcovid.evaluation.interval import interval
from tfcovid.evaluation.predictions import Predictions


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold that was found on validation cases, and what it does to others.

    Args:
        wanted: sensitivity.
        threshold: a case is called positive from this score on.
        sensitivity: on the evaluated cases; and specificity.
        validation_sensitivity: on those that the threshold was found on, where it flatters; and specificity.
        positive: what is called: a label, or "disease" for any but the first.
    """

    wanted: float
    threshold: float
    sensitivity: Figure
    specificity: Figure
    validation_sensitivity: float
    validation_specificity: float
    positive: str

    @property
    def threshold_text(self) -> str:
        """The threshold with four decimals, more of them near 0 and 1: 0.999947, not 0.9999."""
        left = min(self.threshold, 1 - self.threshold)
        decimals = max(4, int(1 - np.floor(np.log10(left)))) if left > 1e-12 else 4
        return f"{self.threshold:.{decimals}f}"

    def __str__(self) -> str:
        return (
            f"{self.positive} from {self.threshold_text} on, for a sensitivity of {self.wanted:g}: "
            f"sensitivity {self.sensitivity}, specificity {self.specificity}"
        )


def operating_points(
    validation: Predictions,
    evaluated: Predictions,
    wanted: Sequence[float] = (0.9, 0.95),
    positive: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[OperatingPoint]:
    """The highest threshold with the wanted sensitivity on validation cases, and how it does on the evaluated ones.

    Args:
        positive: a label against the others; by default any but the first, scored by 1 - its probability.

    Raises:
        InputError: other labels, no positive case in validation, or a sensitivity outside (0, 1].
    """
    if validation.labels != evaluated.labels:
        raise InputError(
            f"thresholds are found on predictions of the same labels: {', '.join(evaluated.labels)}. "
            f"Received: {', '.join(validation.labels)}"
        )
    if positive is not None and positive not in evaluated.labels:
        raise InputError(f"no such label. Labels: {', '.join(evaluated.labels)}. Received: {positive}")
    (ill, scores), (true, found) = (_binary(one, positive) for one in (validation, evaluated))
    if not ill.any():
        raise InputError(f"no {validation.level} of validation is of {positive or 'a disease'}: no threshold.")
    counts, patient = boot_counts(evaluated.patients, resamples, seed)
    none, every = (f"{how} {evaluated.level} is of {positive or 'a disease'}" for how in ("no", "every"))
    points = []
    for share in wanted:
        if not 0 < share <= 1:
            raise InputError(f"a sensitivity lies in (0, 1]. Received: {share}")
        # So many must be called; 0.9 of 10 is 9, whatever the product's last digit.
        needed = int(np.ceil(share * ill.sum() - 1e-9))
        threshold = float(np.sort(scores[ill])[-needed])
        called = found >= threshold
        points.append(
            OperatingPoint(
                float(share),
                threshold,
                _share(called[true], patient[true], counts, none),
                _share(~called[~true], patient[~true], counts, every),
                float((scores[ill] >= threshold).mean()),
                float((scores[~ill] < threshold).mean()) if (~ill).any() else np.nan,
                positive or "disease",
            )
        )
    return points


def _binary(predictions: Predictions, positive: str | None) -> tuple[np.ndarray, np.ndarray]:
    if positive is None:
        return predictions.truth > 0, 1 - predictions.probabilities[:, 0]
    n = predictions.labels.index(positive)
    return predictions.truth == n, predictions.probabilities[:, n]


def _share(right: np.ndarray, patient: np.ndarray, counts: np.ndarray, missing: str) -> Figure:
    """The share of some cases that is right; `patient` is whose each is, `counts` how often they are drawn."""
    if not len(right):
        return Figure(np.nan, np.nan, np.nan, missing)
    people = counts.shape[1]
    of, all_of = np.bincount(patient, right, people), np.bincount(patient, minlength=people)
    with np.errstate(invalid="ignore"):
        shares = (counts @ of) / (counts @ all_of)
    return Figure(float(shares[0]), *interval(shares, np.count_nonzero(all_of)))
