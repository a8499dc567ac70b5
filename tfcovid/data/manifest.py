"""The manifest: one row a scan, as CSV that a spreadsheet opens."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tfcovid.data.mask_values import read_mask_values
from tfcovid.errors import InputError
from tfcovid.into_place import into_place

SPLITS = ("train", "val", "test")
_PATHS = ("scan", "slice_labels", "lungs", "lesions")
_COLUMNS = ("scan", "patient", "label", "split", "slice_labels", "lungs", "lesions", "mask_values")
_SLICE_COLUMNS = ("slice", "k", "k_ascending_z")
_LESION_COLUMNS = ("lesion", "infected")


@dataclass(frozen=True)
class Entry:
    """One scan of a cohort.

    `slice_labels` is a CSV with a column `slice` (0 at the feet) and a column `lesion` (0 or 1); where it also has
    a column `patient`, only the rows of this patient count. `lungs` and `lesions` are masks, and `mask_values` says
    what their numbers mean, such as "infection=127,255; lung=1,2", where that is not beyond doubt.
    """

    scan: Path
    patient: str
    label: str
    split: str | None = None
    slice_labels: Path | None = None
    lungs: Path | None = None
    lesions: Path | None = None
    mask_values: str | None = None


@dataclass(frozen=True)
class RowFault:
    """What is wrong with one line of a manifest.

    Names: "empty-field", "unknown-split", "mask-values" or "scan-listed-twice".
    """

    line: int
    name: str
    seen: str


def read_manifest(path: str | Path) -> list[Entry]:
    """Reads a manifest. Paths in it are relative to its folder.

    Raises:
        InputError: no such file, a missing or unknown column, an empty field, an unknown split, a scan listed
            twice, a patient in two splits.
    """
    from tfcovid.data.splits import check_splits

    entries, faults = read_rows(path)
    if faults:
        raise InputError(f"{path}, line {faults[0].line}: {faults[0].seen}")
    check_splits(entries, path)
    return entries


def read_rows(path: str | Path) -> tuple[list[Entry], list[RowFault]]:
    """The rows of a manifest that make an entry each, and what is wrong with the others.

    Raises:
        InputError: no such file, a missing or unknown column.
    """
    path = Path(path)
    rows = read_lines(path)
    columns = list(next(iter(rows.values())))
    missing = [name for name in ("scan", "patient", "label") if name not in columns]
    unknown = [name for name in columns if name not in _COLUMNS]
    if missing or unknown:
        raise InputError(
            f"{path}: a manifest has the columns {', '.join(_COLUMNS)}, the first three at least; "
            "`tfcovid index` makes one from any table. "
            f"Missing: {', '.join(missing) or 'none'}. Unknown: {', '.join(unknown) or 'none'}."
        )
    entries, faults = [], []
    seen: dict[Path, int] = {}
    for line, row in rows.items():
        empty = [name for name in ("scan", "patient", "label") if not row[name]]
        files = {name: path.parent / row[name] if row.get(name) else None for name in _PATHS}
        if empty:
            faults.append(RowFault(line, "empty-field", f"{', '.join(empty)} is empty."))
        elif row.get("split") and row["split"] not in SPLITS:
            words = f"split is train, val or test. Received: {row['split']!r}"
            faults.append(RowFault(line, "unknown-split", words))
        elif words := _fault_of_values(row.get("mask_values", "")):
            faults.append(RowFault(line, "mask-values", words))
        elif files["scan"] in seen:
            words = f"this scan stands on line {seen[files['scan']]} already."
            faults.append(RowFault(line, "scan-listed-twice", words))
        else:
            seen[files["scan"]] = line
            optional = {name: row.get(name) or None for name in ("split", "mask_values")}
            entries.append(Entry(patient=row["patient"], label=row["label"], **optional, **files))
    return entries, faults


def _fault_of_values(text: str) -> str | None:
    try:
        read_mask_values(text)
    except InputError as error:
        return str(error)
    return None


def write_manifest(entries: Iterable[Entry], path: str | Path) -> None:
    """Writes a manifest, with paths relative to its folder, to a temporary name and moves it into place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for entry in entries:
                values = [getattr(entry, name) for name in _COLUMNS]
                writer.writerow(
                    os.path.relpath(value, path.parent) if isinstance(value, Path) else value or "" for value in values
                )

    into_place(path, write)


def slice_targets(entry: Entry, labels: Sequence[str], slices: int, free: str = "leave_out") -> np.ndarray:
    """The training target of every slice of a scan, -1 for a slice that is left out.

    All slices of a healthy scan are healthy; of a diseased scan, those marked as showing a lesion carry its label
    and the others are left out (M3Lung-Sys, section II-B). Without slice labels every slice carries the label.

    Args:
        labels: class names, the healthy one first.
        slices: number of slices of the scan.
        free: "healthy" has the slices of a diseased scan that are marked free of lesions as healthy ones.

    Returns:
        `(slices,)` int32.
    """
    target = labels.index(entry.label)
    targets = np.full(slices, target, np.int32)
    if target == 0 or entry.slice_labels is None:
        return targets
    marks = slice_marks(entry)
    if sorted(k for k, _ in marks) != list(range(slices)):
        raise InputError(
            f"{entry.slice_labels}: patient {entry.patient} needs one row for each of the slices 0 to {slices - 1} of "
            f"{entry.scan}. Received: {len(marks)} rows"
        )
    targets[[k for k, lesion in marks if not lesion]] = 0 if free == "healthy" else -1
    return targets


def slice_marks(entry: Entry) -> list[tuple[int, int]]:
    """(slice, lesion) of each row of the entry's slice labels that is of its patient.

    Raises:
        InputError: no such file, or no table of slice labels.
    """
    if not entry.slice_labels.is_file():
        raise InputError(f"no such file of slice labels: {entry.slice_labels}")
    table = _marks(entry.slice_labels, entry.slice_labels.stat().st_mtime_ns)
    return table.get(None, table.get(entry.patient, []))


@lru_cache(maxsize=16)
def _marks(path: Path, changed: int) -> dict[str | None, list[tuple[int, int]]]:
    """Patient, or None where the table names none -> (slice, lesion) of each row. One table may serve a cohort."""
    rows = read_lines(path)
    columns = list(next(iter(rows.values())))
    slice_column = next((name for name in _SLICE_COLUMNS if name in columns), None)
    lesion_column = next((name for name in _LESION_COLUMNS if name in columns), None)
    if slice_column is None or lesion_column is None:
        raise InputError(f"{path}: slice labels have the columns slice and lesion. Received: {', '.join(columns)}")
    marks = defaultdict(list)
    for line, row in rows.items():
        if row[lesion_column] not in ("0", "1") or not row[slice_column].isdecimal():
            raise InputError(
                f"{path}, line {line}: slice is a whole number from 0 and lesion 0 or 1. "
                f"Received: {row[slice_column]!r}, {row[lesion_column]!r}"
            )
        marks[row.get("patient")].append((int(row[slice_column]), int(row[lesion_column])))
    return marks


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a header, stripped of surrounding space; at least one.

    Raises:
        InputError: no such file, not a table, or no rows.
    """
    return list(read_lines(path).values())


def read_lines(path: Path) -> dict[int, dict[str, str]]:
    """The rows as `read_table` has them, by the lines of the file where they end."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader, rows = csv.DictReader(file), {}
            for row in reader:
                rows[reader.reader.line_num] = row
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not readable as a CSV table: save it as CSV with UTF-8. Received: {error}"
        ) from error
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: not readable as a CSV table: {error}") from error
    if not rows:
        raise InputError(f"{path}: a table needs a header and at least one row.")
    columns = [name.strip() for name in reader.fieldnames]
    if len(columns) == 1 and (other := next((mark for mark in ";\t" if mark in columns[0]), None)):
        raise InputError(f"{path}: cells are separated by commas; save it so, or replace them. Received: {other!r}")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise InputError(f"{path}: each column stands once; rename or remove one. Received twice: {', '.join(twice)}")
    for line, row in rows.items():
        if None in row:
            raise InputError(f"{path}, line {line}: more cells than the header has columns: {', '.join(row[None])}")
    return {line: {name.strip(): (cell or "").strip() for name, cell in row.items()} for line, row in rows.items()}
