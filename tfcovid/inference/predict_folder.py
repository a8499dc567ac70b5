"""Diagnoses or segments all scans of a folder."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfcovid.errors import InputError
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.system import System
from tfcovid.into_place import into_place
from tfcovid.scans import Scan, find_scans, read_scan


@dataclass(frozen=True)
class Outcome:
    """What became of one scan: its path below the folder, and its summary or the reason it has none."""

    name: str
    summary: dict | None
    error: str | None = None


def scans_to_predict(path: str | Path, output: str | Path) -> list[Path]:
    """The scans at `path`, without those that are results: lesion maps are NIfTI too, and may lie below it."""
    path, results = Path(path), Path(output).resolve()
    scans = find_scans(path) if path.is_dir() else [path]
    return [scan for scan in scans if results not in scan.resolve().parents]


def predict_folder(
    system: System | Ensemble,
    folder: str | Path,
    output: str | Path,
    allow: Sequence[str] = (),
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Diagnoses every scan below `folder` into a folder of the same path below `output`, one by one, and lists them.

    Scans with a result are not diagnosed again; one that cannot be read is an outcome with a reason and never stops
    the others. `predictions.csv` in `output` is written at the end, with a row for every scan.

    Args:
        allow: names of findings that do not stop a scan, see `tfcovid.read_scan`.
        overwrite: diagnose all anew.

    Raises:
        InputError: results of another bundle are there and `overwrite` is not given.
    """
    outcomes = []
    for one in _each(system.predict, "report.json", system.facts, Path(folder), Path(output), allow, overwrite):
        outcomes.append(one)
        yield one

    def row(summary: dict[str, Any]) -> dict[str, Any]:
        found = {f"p_{label}": summary["probabilities"][label] for label in system.config.labels}
        sure, unlike = summary["uncertainty"], summary["unlike_training"]
        found |= {"confidence": round(sure["confidence"], 4), "refer": "; ".join(sure["reasons"])}
        return {"diagnosis": summary["diagnosis"], **found, "unlike_training": "; ".join(unlike or ())}

    columns = ["diagnosis", *(f"p_{label}" for label in system.config.labels)]
    columns += ["confidence", "refer", "unlike_training"]
    _write_table(outcomes, columns, row, Path(output) / "predictions.csv")


def segment_folder(
    segmenter: SegmentationSystem,
    folder: str | Path,
    output: str | Path,
    allow: Sequence[str] = (),
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Segments every scan below `folder`, as `predict_folder` diagnoses them; `segmentations.csv` lists them."""
    outcomes = []
    for one in _each(
        segmenter.segment, "segmentation.json", segmenter.facts, Path(folder), Path(output), allow, overwrite
    ):
        outcomes.append(one)
        yield one

    def row(summary: dict[str, Any]) -> dict[str, Any]:
        return {
            f"{region['region'].replace(' ', '_')}_{name}": value
            for region in summary["regions"]
            for name, value in region.items()
            if name != "region"
        }

    columns = [
        f"{region}_{name}"
        for region in ("left_lung", "right_lung", "both_lungs")
        for name in ("volume_ml", "infection_ml", "involved_percent")
    ]
    _write_table(outcomes, columns, row, Path(output) / "segmentations.csv")


def _each(
    process: Callable[[Scan], Any],
    marker: str,
    facts: dict[str, Any],
    folder: Path,
    output: Path,
    allow: Sequence[str],
    overwrite: bool,
) -> Iterator[Outcome]:
    """`marker` is the file of a result that comes last."""
    scans = {scan.relative_to(folder).as_posix(): scan for scan in scans_to_predict(folder, output)}
    for name in () if overwrite else scans:
        done = output / name / marker
        if done.is_file() and json.loads(done.read_text(encoding="utf-8"))["bundle"] != facts:
            raise InputError(f"{done.parent} holds the result of another bundle; overwrite it or choose another.")
    for name, scan in scans.items():
        done = output / name / marker
        try:
            if overwrite or not done.is_file():
                process(read_scan(scan, allow=allow)).save(output / name, overwrite=True)
            one = Outcome(name, json.loads(done.read_text(encoding="utf-8")))
        except Exception as error:  # whatever one bad scan in a thousand raises
            reason = str(error) if isinstance(error, InputError) else f"unexpected {error!r}"
            one = Outcome(name, None, reason)
        yield one


def _write_table(
    outcomes: Sequence[Outcome], columns: Sequence[str], row: Callable[[dict[str, Any]], dict[str, Any]], path: Path
) -> None:
    """A row for every scan; `columns` are what `row` makes of a summary."""

    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["scan", "key", *columns, "error"], restval="")
            writer.writeheader()
            for one in outcomes:
                if one.summary is None:
                    writer.writerow({"scan": one.name, "error": " ".join(one.error.split())})
                else:
                    writer.writerow({"scan": one.name, "key": one.summary["scan"]["key"], **row(one.summary)})

    path.parent.mkdir(parents=True, exist_ok=True)
    into_place(path, write)
