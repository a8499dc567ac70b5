"""Answers and truth: the table that a file holds, and the arrays that figures are made from."""

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.errors import InputError

# Probabilities of the labels -> number of the one that is called.
Decide = Callable[[Sequence[float]], int]


@dataclass(frozen=True)
class Predictions:
    """Answers and truth of some cases, in the order of a table.

    "Negative" is the first label; any other is a disease. The score of disease is 1 - probability of the first.

    Args:
        labels: names; the negative one first.
        cases: name of each row: a scan, a slice ("scan#12") or a patient.
        patients: whose each row is.
        truth: `(cases,)` integers, numbers of the labels.
        probabilities: `(cases, labels)` in [0, 1].
        called: `(cases,)` integers, the labels that were answered.
        level: "slice", "scan" or "patient": what a case is, for words.

    Raises:
        InputError: no cases, fewer than two labels, columns of different lengths, numbers that are no label, or
            probabilities outside [0, 1].
    """

    labels: tuple[str, ...]
    cases: tuple[str, ...]
    patients: tuple[str, ...]
    truth: np.ndarray
    probabilities: np.ndarray
    called: np.ndarray
    level: str = "scan"

    def __post_init__(self):
        count, labels = len(self.cases), len(self.labels)
        if not count:
            raise InputError("there are no predictions to score. Received: 0 cases")
        if labels < 2 or len(set(self.labels)) < labels:
            raise InputError(f"two labels or more are needed, each once. Received: {', '.join(self.labels)}")
        shapes = (len(self.patients), *np.shape(self.truth), *np.shape(self.called), *np.shape(self.probabilities))
        if shapes != (count, count, count, count, labels):
            raise InputError(f"one patient, truth, call and row of {labels} probabilities a case. Received: {shapes}")
        for name in ("truth", "called"):
            numbers = getattr(self, name)
            if numbers.min() < 0 or numbers.max() >= labels:
                raise InputError(f"{name} that is no label: numbers 0 to {labels - 1}. Received: {set(numbers)}")
        usable = ((self.probabilities >= 0) & (self.probabilities <= 1)).all(axis=1)
        if not usable.all():
            first = int(np.argmin(usable))
            raise InputError(
                f"{self.cases[first]}: probabilities are numbers from 0 to 1. Received: {self.probabilities[first]}"
            )

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]], labels: Sequence[str], level: str = "scan") -> "Predictions":
        """From rows as `write_predictions` writes them.

        Without "called" the likeliest label is the answer, without "patient" every row is another patient's.

        Raises:
            InputError: a truth or a call that is none of the labels.
        """
        labels = tuple(labels)
        number = {label: n for n, label in enumerate(labels)}
        for name in ("truth", "called"):
            unknown = sorted({str(row[name]) for row in rows if name in row} - set(labels))
            if unknown:
                raise InputError(
                    f"{name} that is none of the labels {', '.join(labels)}. Received: {', '.join(unknown)}"
                )
        probabilities = np.array([[float(row[f"p_{label}"]) for label in labels] for row in rows])
        likeliest = probabilities.reshape(len(rows), len(labels)).argmax(axis=1)
        called = [number[row["called"]] if "called" in row else likeliest[n] for n, row in enumerate(rows)]
        cases = tuple(str(row.get("scan", n)) for n, row in enumerate(rows))
        patients = tuple(str(row.get("patient", case)) for row, case in zip(rows, cases, strict=True))
        truth = np.array([number[row["truth"]] for row in rows], int)
        return cls(labels, cases, patients, truth, probabilities, np.array(called, int), level)

    def by_patient(self, decide: Decide | None = None) -> "Predictions":
        """One case for each patient: the mean probabilities over all that is known of them.

        A patient with one case keeps its call. A patient whose truth changes counts once for each truth (the case is
        then named "patient (label)").

        Args:
            decide: what is called of patients with several cases, such as `Config.decide`; by default the likeliest
                label.
        """
        keys = dict.fromkeys(zip(self.patients, self.truth.tolist(), strict=True))
        number = {key: n for n, key in enumerate(keys)}
        rows = np.array([number[key] for key in zip(self.patients, self.truth.tolist(), strict=True)])
        sums = np.zeros((len(keys), len(self.labels)))
        np.add.at(sums, rows, self.probabilities)
        counts = np.bincount(rows)
        mean = sums / counts[:, None]
        called = np.array([decide(p) for p in mean.tolist()]) if decide else mean.argmax(axis=1)
        once = counts[rows] == 1
        called[rows[once]] = self.called[once]
        patients, truth = tuple(key[0] for key in keys), np.array([key[1] for key in keys])
        times = Counter(patients)
        cases = tuple(f"{name} ({self.labels[t]})" if times[name] > 1 else name for name, t in keys)
        return replace(
            self, cases=cases, patients=patients, truth=truth, probabilities=mean, called=called, level="patient"
        )


def write_predictions(predictions: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes one row a scan: scan, patient, truth, called and the probability of each label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(predictions[0]))
        writer.writeheader()
        writer.writerows(predictions)


def read_predictions(path: Path) -> list[dict[str, Any]]:
    """The rows that `write_predictions` wrote, probabilities as numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(v) if name.startswith("p_") else v for name, v in row.items()} for row in rows]


def figures(predictions: Sequence[dict[str, Any]], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro-F1 and AUC of some rows with their 95 % intervals, see `tfcovid.evaluation.score`."""
    from tfcovid.evaluation.score import score  # which is made from Predictions

    found = score(Predictions.from_rows(predictions, labels))
    names = ["accuracy", "macro_f1", *(f"auc_{label}" for label in labels if f"auc_{label}" in found.figures)]
    named = {name: found.figures[name] for name in names}
    # JSON knows no NaN.
    known = {
        name: [round(n, 4) for n in (one.value, one.low, one.high)] for name, one in named.items() if one.value >= 0
    }
    return {"scans": found.cases, "patients": found.patients, **known}


def figure_table(found: dict[str, Any]) -> list[str]:
    """The lines of a Markdown table of `figures`."""
    rows = [
        f"| {name.replace('_', ' ')} | {one[0]:.3f} | {one[1]:.3f} to {one[2]:.3f} |"
        for name, one in found.items()
        if isinstance(one, list)
    ]
    return ["| figure | value | interval |", "|---|---|---|", *rows]
