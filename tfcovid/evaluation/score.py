from dataclasses import dataclass

import numpy as np

from tfcovid.evaluation.boot_measure import boot_measure
from tfcovid.evaluation.delong import delong
from tfcovid.evaluation.figure import Figure
from tfcovid.evaluation.interval import Z, interval
from tfcovid.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Score:
    """Figures of some predictions, with intervals from resampling whole patients.

    Args:
        level: what a case is: "slice", "scan" or "patient".
        cases: how many were scored.
        patients: of how many patients.
        figures: by the names of `tfcovid.evaluation.measure`.
        delong: auc_<label> -> its area with DeLong's interval (normal, cut to [0, 1]), by patient where they have
            several cases (Obuchowski 1997).
        confusion: `(labels, labels)` counts, truth x called.
        labels: of its rows and columns.
        unit: what was resampled.
    """

    level: str
    cases: int
    patients: int
    resamples: int
    seed: int
    figures: dict[str, Figure]
    delong: dict[str, Figure]
    confusion: np.ndarray
    labels: tuple[str, ...]
    unit: str = "patient"

    def __str__(self) -> str:
        head = f"{self.cases} {self.level}s" + (f" of {self.patients} patients" if self.level != self.unit else "")
        rows = [f"  {name.replace('_', ' '):28} {found}" for name, found in self.figures.items()]
        rows += [f"  {name.replace('_', ' ') + ' (DeLong)':28} {found}" for name, found in self.delong.items()]
        tail = f"  95 % intervals in square brackets, from {self.resamples} resamples of the {self.unit}s."
        return "\n".join([head, *rows, tail])


def score(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> Score:
    """Scores predictions against the truth, with 95 % intervals from a bootstrap over patients.

    `tfcovid.evaluation.interval` says how the intervals are made. Only the calibration error has none: by
    chance alone it is never 0, so that no interval around it holds the truth as often as it says;
    `tfcovid.evaluation.calibration` says what chance would give. The areas have DeLong's beside it.

    Args:
        resamples: of the patients, drawn with replacement; all cases of a patient go with them.
    """
    labels, truth, called = predictions.labels, predictions.truth, predictions.called
    values = boot_measure(predictions, resamples, seed)
    kinds = _kinds(predictions)
    figures = {name: _figure(name, found, predictions, kinds[name]) for name, found in values.items()}
    areas = {f"auc_{label}": n for n, label in enumerate(labels) if f"auc_{label}" in figures}
    exact = {name: _delong(predictions, n, figures[name].why) for name, n in areas.items()}
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (truth, called), 1)
    people = len(set(predictions.patients))
    return Score(predictions.level, len(truth), people, resamples, seed, figures, exact, confusion, labels)


def _kinds(predictions: Predictions) -> dict[str, list[tuple[np.ndarray, str]]]:
    """name of a figure -> the kinds of cases that it needs, and what to say where there is none of a kind."""
    truth, called, level = predictions.truth, predictions.called, predictions.level
    every = [(truth >= 0, "")]
    occurring = [(truth == n, "") for n in np.unique(truth)]
    only = predictions.labels[truth[0]]
    found = {
        "accuracy": every,
        "brier": every,
        "ece": every,
        "balanced_accuracy": occurring,
        "macro_f1": occurring,
        "auc_macro": [*occurring, (truth != truth[0], f"every {level} is of {only}")],
    }
    for n, label in enumerate(predictions.labels):
        true, other = (truth == n, f"no {level} is of {label}"), (truth != n, f"every {level} is of {label}")
        found |= {
            f"sensitivity_{label}": [true],
            f"specificity_{label}": [other],
            f"ppv_{label}": [(called == n, f"no {level} was called {label}")],
            f"npv_{label}": [(called != n, f"every {level} was called {label}")],
            f"f1_{label}": [((truth == n) | (called == n), f"no {level} is of {label}, and none was called it")],
            f"auc_{label}": [true, other],
            f"average_precision_{label}": [true],
        }
        if n == 0:
            found |= {"fpe": [true], "fne": [other], "fdpe": [other]}
    return found


def _figure(name: str, values: np.ndarray, predictions: Predictions, kinds: list[tuple[np.ndarray, str]]) -> Figure:
    value, patients = float(values[0]), np.array(predictions.patients)
    if np.isnan(value):
        return Figure(value, np.nan, np.nan, next(words for mask, words in kinds if not mask.any()))
    if name == "ece":
        return Figure(value, np.nan, np.nan, "chance alone makes it greater than 0")
    fewest = min(len(np.unique(patients[mask])) for mask, _ in kinds)
    return Figure(value, *interval(values, fewest, ranked=name.startswith(("auc_", "average_precision_"))))


def _delong(predictions: Predictions, n: int, why: str | None) -> Figure:
    area, covariance = delong(predictions.truth == n, predictions.probabilities[:, n], predictions.patients)
    value, half = float(area[0]), float(Z * np.sqrt(covariance[0, 0]))
    if np.isnan(half):
        return Figure(value, np.nan, np.nan, why or f"only one patient with or without {predictions.labels[n]}")
    if half < 1e-9:
        return Figure(value, np.nan, np.nan, "where the order is perfect DeLong's variance is 0")
    return Figure(value, max(0.0, value - half), min(1.0, value + half))
