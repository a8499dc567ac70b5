import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfcovid.evaluation.compare import Comparison
from tfcovid.evaluation.comparison_table import comparison_table
from tfcovid.evaluation.draw_forest import draw_forest
from tfcovid.evaluation.draw_roc import draw_roc
from tfcovid.evaluation.plain import plain
from tfcovid.into_place import into_place


def write_comparison(comparison: Comparison, folder: Path, first: Sequence[str] = ()) -> None:
    """Writes comparison.csv, comparison.json, comparison.md, forest.png and roc.png into a folder.

    The CSV has a row for each system, figure and test; the JSON has everything, null where a figure is not defined.

    Args:
        first: lines of Markdown that go before the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(comparison)

    def write_csv(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    facts = json.dumps(plain(_facts(comparison)), indent=2) + "\n"
    text = "\n".join([*first, *[""] * bool(first), *comparison_table(comparison)]) + "\n"
    into_place(folder / "comparison.csv", write_csv)
    into_place(folder / "comparison.json", lambda path: path.write_text(facts, encoding="utf-8"))
    into_place(folder / "comparison.md", lambda path: path.write_text(text, encoding="utf-8"))
    into_place(folder / "forest.png", draw_forest(comparison).savefig)
    into_place(folder / "roc.png", draw_roc(comparison.systems, comparison.scores).savefig)


def _rows(comparison: Comparison) -> list[dict[str, Any]]:
    rows = []
    for name, score in comparison.scores.items():
        against = comparison.against.get(name)
        for key, figure in score.figures.items():
            tests = {}
            if against:
                tests = {"bootstrap": against.bootstrap.get(key), "delong": against.delong.get(key)}
            if against and against.mcnemar and key == "accuracy":
                tests["mcnemar exact"] = {"p": against.mcnemar.exact, "p_holm": against.exact_holm}
                tests["mcnemar mid-p"] = {"p": against.mcnemar.mid_p, "p_holm": against.mid_p_holm}
            for test, found in {test: one for test, one in tests.items() if one}.items() or [("", {})]:
                shown = score.delong[key] if test == "delong" else figure
                found = found if isinstance(found, dict) else asdict(found)
                row = {"system": name, "cases": score.cases, "patients": score.patients, "figure": key}
                row |= {"value": shown.value, "low": shown.low, "high": shown.high, "test": test}
                row |= {f"difference{end}": found.get(one) for one, end in _ENDS.items()}
                row |= {one: found.get(one) for one in ("p", "p_holm")}
                rows.append({one: "" if value is None or value != value else value for one, value in row.items()})
    return rows


_ENDS = {"value": "", "low": "_low", "high": "_high"}


def _facts(comparison: Comparison) -> dict[str, Any]:
    first = comparison.scores[comparison.reference]
    return {
        "reference": comparison.reference,
        "level": first.level,
        "labels": list(first.labels),
        "resampled": first.unit,
        "resamples": comparison.resamples,
        "seed": comparison.seed,
        "notes": comparison.notes,
        "systems": {
            name: {
                "cases": score.cases,
                "patients": score.patients,
                "figures": {key: [one.value, one.low, one.high] for key, one in score.figures.items()},
                "delong": {key: [one.value, one.low, one.high] for key, one in score.delong.items()},
                "confusion": score.confusion.tolist(),
            }
            for name, score in comparison.scores.items()
        },
        "against": {name: asdict(one) for name, one in comparison.against.items()},
    }
