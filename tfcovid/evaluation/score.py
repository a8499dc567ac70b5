from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfcovid.errors import InputError

_BLOCK = 2**24  # numbers of a resampled table held at once


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Score:
    """Accuracy, macro-F1 and the area under the ROC curve: of two labels for the second, of more for each."""

    scans: int
    patients: int
    accuracy: Figure
    macro_f1: Figure
    auc: dict[str, Figure]

    def __str__(self) -> str:
        rows = [f"  AUC {label:12} {found}" for label, found in self.auc.items()]
        head = f"{self.scans} scans of {self.patients} patients, accuracy {self.accuracy}, macro-F1 {self.macro_f1}"
        return "\n".join([head, *rows])


def score(
    truth: Sequence[str],
    probabilities: Sequence[Mapping[str, float]],
    patients: Sequence[str | int] | None = None,
    called: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Score:
    """Scores diagnoses against the truth, with percentile intervals from a bootstrap over patients.

    Args:
        truth: the label of each scan.
        probabilities: label -> probability of each scan, the same labels for all.
        patients: whose scan it is; by default every scan is of another patient.
        called: the diagnosis of each scan; by default its likeliest label.
        resamples: of the patients, drawn with replacement; scans go with their patient.

    Raises:
        InputError: no scans, or a truth that is none of the labels.
    """
    if not truth or len(truth) != len(probabilities):
        raise InputError(f"one diagnosis a scan is needed. Received: {len(probabilities)} for {len(truth)}")
    labels = list(probabilities[0])
    unknown = sorted(set(truth) - set(labels))
    if unknown:
        raise InputError(f"truth that no diagnosis can give: {', '.join(unknown)}. Labels: {', '.join(labels)}")
    scores = np.array([[one[label] for label in labels] for one in probabilities])
    is_label = np.array(truth)[:, None] == np.array(labels)
    called = np.array(labels)[scores.argmax(axis=1)] if called is None else np.array(called)
    is_called = called[:, None] == np.array(labels)

    patients = range(len(truth)) if patients is None else patients
    # Numbered as they come, so that other names draw the same.
    number = {name: n for n, name in enumerate(dict.fromkeys(patients))}
    patient, people = np.array([number[name] for name in patients]), len(number)
    drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), resamples)
    weights = np.concatenate([np.ones((1, len(truth))), drawn[:, patient]])  # the first row is the sample itself

    right = is_label & is_called
    accuracy = weights @ right.any(axis=1) / weights.sum(axis=1)
    with np.errstate(invalid="ignore"):
        f1 = 2 * (weights @ right) / (weights @ is_label + weights @ is_called)  # NaN: neither true nor called
        macro_f1 = np.nanmean(f1, axis=1)
    auc = {
        label: _figure(_auc(is_label[:, n], scores[:, n], weights))
        for n, label in enumerate(labels)
        if n or len(labels) > 2  # of two labels, that of the first says the same
    }
    return Score(len(truth), people, _figure(accuracy), _figure(macro_f1), auc)


def _auc(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of weights `(rows, scans)`; NaN without both kinds of scans."""
    order = np.argsort(scores, kind="stable")
    # Equal scores form one group: between its members half a point each.
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    rows = max(1, _BLOCK // len(scores))
    found = []
    for block in np.split(weights[:, order], range(rows, len(weights), rows)):
        up = np.add.reduceat(block * positive[order], starts, axis=1)
        down = np.add.reduceat(block * ~positive[order], starts, axis=1)
        below = np.cumsum(down, axis=1) - down
        with np.errstate(invalid="ignore"):
            found.append((up * (below + down / 2)).sum(axis=1) / (up.sum(axis=1) * down.sum(axis=1)))
    return np.concatenate(found)


def _figure(values: np.ndarray) -> Figure:
    """The first value, and the interval of the others that are defined."""
    known = values[1:][np.isfinite(values[1:])]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) and np.isfinite(values[0]) else (np.nan, np.nan)
    return Figure(float(values[0]), float(low), float(high))
