"""One evaluation as a folder: the page, the figures as tables, the predictions."""

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.evaluation.calibration import reliability
from tfcovid.evaluation.draw_evaluation import draw_evaluation
from tfcovid.evaluation.evaluation import Evaluation
from tfcovid.evaluation.net_benefit import net_benefit
from tfcovid.evaluation.plain import plain
from tfcovid.evaluation.predictions import Predictions, write_predictions
from tfcovid.evaluation.score import Score
from tfcovid.into_place import folder_into_place
from tfcovid.report.write_cohort_report import write_cohort_report
from tfcovid.versions import versions

# "evaluation.json" is always written, and comes last.
KNOWN = ("evaluation.json", "figures.csv", "predictions.csv", "slices.csv", "evaluation.png", "report.html", "cases")

# Panels of `draw_evaluation`; the page has the confusion matrix as a table.
_CURVES = {
    "roc": "ROC curve",
    "precision": "Precision and recall",
    "reliability": "Reliability",
    "benefit": "Net benefit",
}


def write_evaluation(
    folder: str | Path,
    evaluation: Evaluation,
    *,
    title: str,
    notice: str,
    slices: Sequence[Mapping[str, Any]] = (),
    cases: Mapping[str, Path] | None = None,
    unreadable: Sequence[tuple[str, str]] = (),
    facts: Mapping[str, Any] | None = None,
    names: bool = False,
    overwrite: bool = False,
) -> Path:
    """Writes `report.html`, `evaluation.json`, `figures.csv`, `predictions.csv`, `evaluation.png` and the pages of
    single cases, and moves the folder into place.

    Args:
        slices: rows of `slices.csv`, as `write_predictions` takes them.
        cases: name of a case -> its page, which is moved along.
        unreadable: scans that were left out, and why.
        facts: what else is to be known of the evaluation, ready for JSON.
        names: the page tells cases by their names, which may name patients, and not by numbers.

    Raises:
        InputError: the folder holds something already and `overwrite` is not given, or other things.
    """

    predictions, scores = evaluation.predictions, (evaluation.score, *evaluation.others)

    def write(partial: Path) -> None:
        links, numbers = {}, {case: n for n, case in enumerate(predictions.cases)}
        if cases:
            (partial / "cases").mkdir()
        for case, page in (cases or {}).items():
            links[case] = f"cases/{numbers[case]:04d}.html"
            shutil.copy2(page, partial / links[case])
        with (partial / "figures.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(_figure_rows(scores))
        write_predictions(_rows(predictions), partial / "predictions.csv")
        if slices:
            write_predictions(list(slices), partial / "slices.csv")
        draw_evaluation(predictions, scores[0]).savefig(partial / "evaluation.png")
        write_cohort_report(
            scores[0],
            predictions,
            partial / "report.html",
            title=title,
            notice=notice,
            others=evaluation.others,
            curves=[(name, draw_evaluation(predictions, scores[0], [panel])) for panel, name in _CURVES.items()],
            points=evaluation.points,
            links=links,
            unreadable=unreadable,
            facts={name: value for name, value in (facts or {}).items() if names or name != "notes"},
            names=names,
        )
        found = {
            "notice": notice,
            "levels": [_score(one) for one in scores],
            "operating_points": [asdict(point) for point in evaluation.points],
            "reliability": asdict(reliability(predictions, resamples=scores[0].resamples, seed=scores[0].seed)),
            "net_benefit": asdict(net_benefit(predictions)),
            "unreadable": [{"case": case, "reason": reason} for case, reason in unreadable],
            **(facts or {}),
            "versions": versions(),
        }
        text = json.dumps(plain(found), indent=2, allow_nan=False) + "\n"
        (partial / "evaluation.json").write_text(text, encoding="utf-8")

    return folder_into_place(folder, write, KNOWN, overwrite)


def _rows(predictions: Predictions) -> list[dict[str, Any]]:
    labels, columns = predictions.labels, (predictions.cases, predictions.patients, predictions.truth)
    return [
        {"scan": case, "patient": patient, "truth": labels[truth], "called": labels[called]}
        | {f"p_{label}": float(p) for label, p in zip(labels, found, strict=True)}
        for case, patient, truth, called, found in zip(
            *columns, predictions.called, predictions.probabilities, strict=True
        )
    ]


def _figure_rows(scores: Sequence[Score]) -> list[list]:
    rows = [["level", "figure", "value", "low", "high", "interval", "unit", "cases", "patients", "undefined"]]
    for score in scores:
        for kind, figures in (("bootstrap", score.figures), ("DeLong", score.delong)):
            for name, one in figures.items():
                numbers = ["" if np.isnan(n) else round(n, 6) for n in (one.value, one.low, one.high)]
                rows.append([score.level, name, *numbers, kind, score.unit, score.cases, score.patients, one.why or ""])
    return rows


def _score(score: Score) -> dict[str, Any]:
    found = asdict(score)
    return {**found, "confusion": score.confusion.tolist()}
