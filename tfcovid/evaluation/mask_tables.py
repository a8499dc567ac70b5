"""Tables of how well scans are outlined."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.evaluation.mask_scores import MaskScores, MaskSummary, summarise


@dataclass(frozen=True)
class MaskRow:
    """The scores of one scan; `group` is its label in the manifest: a diagnosis, or where the scan is from."""

    scan: int | str
    patient: int | str
    group: str
    scores: MaskScores


def by_group(rows: Sequence[MaskRow]) -> dict[str, MaskSummary]:
    """Summaries of all scans and, where there are several groups, of each."""
    groups = {"all": rows}
    names = dict.fromkeys(row.group for row in rows)
    if len(names) > 1:
        groups |= {name: [row for row in rows if row.group == name] for name in names}
    return {
        name: summarise([row.scores for row in group], [row.patient for row in group]) for name, group in groups.items()
    }


def mask_table(rows: Sequence[MaskRow]) -> list[str]:
    """The lines of a Markdown table: mean +- standard deviation over patients, by group and label."""
    lines = [
        "| scans | label | patients | Dice | Hausdorff 95 %, mm | surface distance, mm | volume error, % | empty |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group, summary in by_group(rows).items():
        for label, found in summary.labels.items():
            empty = [f"{case}: {n}" for case, n in summary.cases[label].items() if n and case != "both"]
            keys = ("dice", "hausdorff95_mm", "surface_distance_mm", "volume_error_percent")
            shown = [_shown(found[key], digits) for key, digits in zip(keys, (3, 1, 2, 1), strict=True)]
            count = f"{found['dice'].patients}"
            lines.append(f"| {group} | {label} | {count} | {' | '.join(shown)} | {', '.join(empty) or 'none'} |")
        accuracy = _shown(summary.voxel_accuracy, 4)
        lines.append(f"| {group} | voxel accuracy | {summary.voxel_accuracy.patients} | {accuracy} | | | | |")
    return lines


def mask_figures(rows: Sequence[MaskRow]) -> dict[str, Any]:
    """The same for JSON: group -> label -> figure -> [mean, standard deviation, patients]; null where undefined."""

    def plain(spread) -> list:
        return [_number(spread.mean), _number(spread.std), spread.patients]

    return {
        group: {
            "scans": summary.scans,
            "patients": summary.patients,
            "voxel_accuracy": plain(summary.voxel_accuracy),
            **{
                label: {**{key: plain(one) for key, one in found.items()}, "cases": summary.cases[label]}
                for label, found in summary.labels.items()
            },
        }
        for group, summary in by_group(rows).items()
    }


def write_mask_rows(rows: Sequence[MaskRow], path: Path) -> None:
    """Writes one line for each scan and label: `MaskScores.rows`, behind scan, patient and group."""
    lines = [
        {"scan": row.scan, "patient": row.patient, "group": row.group, **line}
        for row in rows
        for line in row.scores.rows
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in line.items()} for line in lines)


def _shown(spread, digits: int) -> str:
    if not np.isfinite(spread.mean):
        return "-"
    return f"{spread.mean:.{digits}f}" + (f" +- {spread.std:.{digits}f}" if np.isfinite(spread.std) else "")


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}" if np.isfinite(value) else ""
    return value
