from dataclasses import dataclass

import numpy as np

from tfcovid.evaluation.boot_measure import boot_measure
from tfcovid.evaluation.cases_text import cases_text
from tfcovid.evaluation.delong import delong
from tfcovid.evaluation.few_patients import Z
from tfcovid.evaluation.fewest_patients import fewest_patients
from tfcovid.evaluation.figure import Figure
from tfcovid.evaluation.interval import interval
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
        means = {"fpe": f" ({self.labels[0]} called a disease)", "fne": f" (disease called {self.labels[0]})"}
        means["fdpe"] = " (disease called another disease)"
        rows = [f"  {name.replace('_', ' '):28} {found}{means.get(name, '')}" for name, found in self.figures.items()]
        rows += [f"  {name.replace('_', ' ') + ' (DeLong)':28} {found}" for name, found in self.delong.items()]
        tail = f"  95 % intervals in square brackets, from {self.resamples} resamples of the {self.unit}s."
        return "\n".join([cases_text(self.level, self.cases, self.patients), *rows, tail])


def score(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> Score:
    """Scores predictions against the truth, with 95 % intervals from a bootstrap over patients.

    `tfcovid.evaluation.interval` says how the intervals are made; that of balanced accuracy joins those of the
    sensitivities. Only the calibration error has none: by
    chance alone it is never 0, so that no interval around it holds the truth as often as it says;
    `tfcovid.evaluation.calibration` says what chance would give. The areas have DeLong's beside it.

    Args:
        resamples: of the patients, drawn with replacement; all cases of a patient go with them.
    """
    labels, truth, called = predictions.labels, predictions.truth, predictions.called
    values = boot_measure(predictions, resamples, seed)
    fewest = fewest_patients(predictions)
    figures = {name: _figure(name, found, *fewest[name]) for name, found in values.items()}
    figures["balanced_accuracy"] = _balanced(figures, labels)
    areas = {f"auc_{label}": n for n, label in enumerate(labels) if f"auc_{label}" in figures}
    exact = {name: _delong(predictions, n, figures[name].why) for name, n in areas.items()}
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (truth, called), 1)
    people = len(set(predictions.patients))
    return Score(predictions.level, len(truth), people, resamples, seed, figures, exact, confusion, labels)


def _figure(name: str, values: np.ndarray, patients: int, why: str) -> Figure:
    value = float(values[0])
    if np.isnan(value):
        return Figure(value, np.nan, np.nan, why)
    if name == "ece":
        return Figure(value, np.nan, np.nan, "chance alone makes it greater than 0")
    return Figure(value, *interval(values, patients, ranked=name.startswith(("auc_", "average_precision_"))))


def _balanced(figures: dict[str, Figure], labels: tuple[str, ...]) -> Figure:
    """Each label's sensitivity is of other patients: their intervals are joined by squares (Zou and Donner, Statistics
    in Medicine 27, 2008). A bootstrap of the mean takes the sensitivity of ten patients for certain if it is 1."""
    each = [figures.get(f"sensitivity_{label}") or figures[f"specificity_{labels[1]}"] for label in labels]
    each = [one for one in each if not np.isnan(one.value)]
    value = figures["balanced_accuracy"].value
    low = value - np.sqrt(sum((one.value - one.low) ** 2 for one in each)) / len(each)
    high = value + np.sqrt(sum((one.high - one.value) ** 2 for one in each)) / len(each)
    return Figure(value, float(max(0.0, low)), float(min(1.0, high)))


def _delong(predictions: Predictions, n: int, why: str | None) -> Figure:
    area, covariance = delong(predictions.truth == n, predictions.probabilities[:, n], predictions.patients)
    value, half = float(area[0]), float(Z * np.sqrt(covariance[0, 0]))
    if np.isnan(half):
        return Figure(value, np.nan, np.nan, why or f"only one patient with or without {predictions.labels[n]}")
    if half < 1e-9:
        if np.ptp(predictions.probabilities[:, n]) == 0:
            return Figure(value, np.nan, np.nan, "all scores are equal")
        perfect = "where the order is perfect " if value in (0, 1) else ""
        return Figure(value, np.nan, np.nan, f"{perfect}DeLong's variance is 0")
    return Figure(value, max(0.0, value - half), min(1.0, value + half))
