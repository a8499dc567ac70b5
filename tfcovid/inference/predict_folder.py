"""Diagnoses all scans of a folder."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfcovid.errors import InputError
from tfcovid.inference.system import System
from tfcovid.into_place import into_place
from tfcovid.scans import find_scans, read_scan


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
    system: System,
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
    folder, output = Path(folder), Path(output)
    scans = {scan.relative_to(folder).as_posix(): scan for scan in scans_to_predict(folder, output)}
    for name in () if overwrite else scans:
        done = output / name / "diagnosis.json"
        if done.is_file() and json.loads(done.read_text(encoding="utf-8"))["bundle"] != system.facts:
            raise InputError(f"{done.parent} holds the result of another bundle; overwrite it or choose another.")
    outcomes = []
    for name, scan in scans.items():
        done = output / name / "diagnosis.json"
        try:
            if overwrite or not done.is_file():
                system.predict(read_scan(scan, allow=allow)).save(output / name, overwrite=True)
            outcomes.append(Outcome(name, json.loads(done.read_text(encoding="utf-8"))))
        except Exception as error:  # whatever one bad scan in a thousand raises
            reason = str(error) if isinstance(error, InputError) else f"unexpected {error!r}"
            outcomes.append(Outcome(name, None, reason))
        yield outcomes[-1]
    output.mkdir(parents=True, exist_ok=True)
    into_place(output / "predictions.csv", lambda path: _write_table(outcomes, system.config.labels, path))


def _write_table(outcomes: Sequence[Outcome], labels: Sequence[str], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["scan", "key", "diagnosis", *(f"p_{label}" for label in labels), "error"])
        for one in outcomes:
            if one.summary is None:
                writer.writerow([one.name, "", "", *("" for _ in labels), " ".join(one.error.split())])
            else:
                found = one.summary["probabilities"]
                row = [one.name, one.summary["scan"]["key"], one.summary["diagnosis"]]
                writer.writerow([*row, *(found[label] for label in labels), ""])
