"""Tables of predictions: truth, what was called, and probabilities, one row a scan."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfcovid.evaluation.score import score


def write_predictions(predictions: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes one row a scan: scan, patient, truth, called and the probability of each label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(predictions[0]))
        writer.writeheader()
        writer.writerows(predictions)


def figures(predictions: Sequence[dict[str, Any]], labels: Sequence[str]) -> dict[str, Any]:
    """The figures of some predictions with their 95 % intervals, see `tfcovid.evaluation.score`."""
    found = [{label: float(row[f"p_{label}"]) for label in labels} for row in predictions]
    patients = [row["patient"] for row in predictions]
    truth, called = ([row[name] for row in predictions] for name in ("truth", "called"))
    result = score(truth, found, patients, called)
    named = {"accuracy": result.accuracy, "macro_f1": result.macro_f1}
    named |= {f"auc_{label}": one for label, one in result.auc.items()}
    # JSON knows no NaN.
    known = {
        name: [round(n, 4) for n in (one.value, one.low, one.high)] for name, one in named.items() if one.value >= 0
    }
    return {"scans": result.scans, "patients": result.patients, **known}


def figure_table(found: dict[str, Any]) -> list[str]:
    """The lines of a Markdown table of `figures`."""
    rows = [
        f"| {name.replace('_', ' ')} | {one[0]:.3f} | {one[1]:.3f} to {one[2]:.3f} |"
        for name, one in found.items()
        if isinstance(one, list)
    ]
    return ["| figure | value | interval |", "|---|---|---|", *rows]


def read_predictions(path: Path) -> list[dict[str, Any]]:
    """The rows that `write_predictions` wrote, probabilities as numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(v) if name.startswith("p_") else v for name, v in row.items()} for row in rows]
