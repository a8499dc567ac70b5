"""Diagnoses scans whose truth is known, keeps what was said of each, and goes on where it was stopped."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfcovid.data import Entry, slice_targets
from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import Predictions
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.system import System
from tfcovid.into_place import into_place
from tfcovid.scans import read_scan

REPORTS = ("misclassified", "all", "none")


@dataclass(frozen=True)
class Case:
    """What became of one scan of an evaluation.

    Attributes:
        row: as `write_predictions` takes it; None where the scan could not be read.
        slices: such a row for every slice with a label, named "scan#slice".
        not_by_slice: why there is no slice, where its slice labels cannot be used.
        report: its page, relative to the folder of the work, where it has one.
        unlike_training: see `Diagnosis.unlike_training`.
    """

    row: dict[str, Any] | None = None
    slices: list[dict[str, Any]] = field(default_factory=list)
    refer: bool = False
    unlike_training: list[str] | None = None
    not_by_slice: str | None = None
    report: str | None = None
    error: str | None = None


def evaluate_system(
    system: System | Ensemble,
    entries: Sequence[Entry],
    work: Path,
    allow: Sequence[str] = (),
    reports: str = "misclassified",
) -> Iterator[Case]:
    """Diagnoses the scans of `entries` in their order, without what may follow; those that `work` holds the diagnosis
    of are not read again, and one bad scan never stops the others.

    Args:
        work: a folder for what is known so far, one file a scan, and the pages.
        allow: names of findings that do not stop a scan, see `tfcovid.read_scan`.
        reports: which scans get a page: those that were called something else, "all" or "none".
    """
    work.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        note = work / f"{_key(system, entry, allow, reports)}.json"
        if note.is_file():
            yield Case(**json.loads(note.read_text(encoding="utf-8")))
            continue
        try:
            case = _case(entry, system.diagnose(read_scan(entry.scan, allow=allow)), note, reports)
        except Exception as error:  # whatever one bad scan in a thousand raises
            # Not noted: it is tried again.
            yield Case(error=str(error) if isinstance(error, InputError) else f"unexpected {error!r}")
            continue
        into_place(note, lambda path, case=case: path.write_text(json.dumps(asdict(case)), encoding="utf-8"))
        yield case


def clear_work(work: Path) -> None:
    """Deletes what `evaluate_system` left in `work`, and the folder if that was all."""
    for path in (*work.glob("*.json"), *work.glob("*.html")):
        path.unlink()
    if not any(work.iterdir()):
        work.rmdir()


def predictions_of(cases: Sequence[Case], labels: Sequence[str]) -> tuple[dict[str, Predictions], list[dict[str, Any]]]:
    """Predictions of "scan" and, where slices have labels, of "slice"; and the rows of these slices.

    Raises:
        InputError: no scan could be read.
    """
    rows = [case.row for case in cases if case.row]
    if not rows:
        raise InputError(f"none of {len(cases)} scan(s) could be read. The first: {cases[0].error}")
    levels = {"scan": Predictions.from_rows(rows, labels)}
    slices = [row for case in cases for row in case.slices]
    if slices:
        levels["slice"] = Predictions.from_rows(slices, labels, "slice")
    return levels, slices


def referred(cases: Sequence[Case]) -> dict[str, Any]:
    """How many scans the system would leave to a radiologist, and how often it is right of the others."""
    read = [case for case in cases if case.row]
    kept = [case.row["called"] == case.row["truth"] for case in read if not case.refer]
    return {
        "referred": len(read) - len(kept),
        "accuracy_of_the_others": round(sum(kept) / len(kept), 4) if kept else None,
        "unlike_training": sum(bool(case.unlike_training) for case in read),
    }


def _key(system: System | Ensemble, entry: Entry, allow: Sequence[str], reports: str) -> str:
    """Changes with the bundle, what runs it, the options, and what the manifest says of a scan."""
    facts = [
        system.facts,
        system.runtime["name"],
        system.runtime["precision"],
        system.config.refer_below,
        {k: str(v) for k, v in asdict(entry).items()},
        sorted(allow),
    ]
    return hashlib.sha256(json.dumps([*facts, reports], sort_keys=True).encode()).hexdigest()[:32]


def _case(entry: Entry, diagnosis: Diagnosis, note: Path, reports: str) -> Case:
    row = _row(str(entry.scan), entry, entry.label, diagnosis.label, diagnosis.probabilities)
    report = None
    if reports == "all" or (reports == "misclassified" and diagnosis.label != entry.label):
        report = f"{note.stem}.html"
        diagnosis.report(note.with_name(report))
    try:
        slices, why = _slices(entry, diagnosis), None
    except InputError as error:
        slices, why = [], str(error)
    return Case(row, slices, diagnosis.uncertainty["refer"], diagnosis.unlike_training, why, report)


def _row(name: str, entry: Entry, truth: str, called: str, probabilities: dict[str, float]) -> dict[str, Any]:
    found = {f"p_{label}": value for label, value in probabilities.items()}
    return {"scan": name, "patient": entry.patient, "truth": truth, "called": called, **found}


def _slices(entry: Entry, diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """The slices whose label is known, as training has them: of a healthy scan all, of a diseased one the marked."""
    labels = diagnosis.labels
    if len(diagnosis.scan.voxels) == 1 or (entry.label != labels[0] and entry.slice_labels is None):
        return []
    free = diagnosis.settings["slice_training"]["free"]
    targets = slice_targets(entry, labels, len(diagnosis.scan.voxels), free)
    rows = []
    each = zip(diagnosis.slices.index.tolist(), diagnosis.slice_calls, diagnosis.slice_probabilities, strict=True)
    for k, called, found in each:
        if targets[k] >= 0:
            probabilities = dict(zip(labels, found.tolist(), strict=True))
            rows.append(_row(f"{entry.scan}#{k}", entry, labels[targets[k]], called, probabilities))
    return rows
