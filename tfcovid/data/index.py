"""Makes manifest entries of a cohort as it lies on disk."""

import re
from dataclasses import replace
from pathlib import Path

from tfcovid.data.manifest import SPLITS, Entry, read_lines
from tfcovid.errors import InputError
from tfcovid.scans import find_scans
from tfcovid.scans.sniff import sniff

_FORMATS = re.compile(r"\.(nii\.gz|nii|nrrd|nhdr|mha|mhd|zip|png|jpe?g|tiff?)$", re.IGNORECASE)


def index_class_folders(folder: str | Path, slice_labels: Path | None = None) -> list[Entry]:
    """Entries of `folder/<label>/<patient>...`: every folder of DICOM or images and every volume file is a scan.

    The patient is the name of the file or folder right below the label, so that all scans in one folder are of one
    patient.

    Args:
        slice_labels: one CSV for the whole cohort, see `Entry`.

    Raises:
        InputError: no such folder, no label folders, or no scans in them.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    entries = []
    for label in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for child in sorted(path for path in label.iterdir() if not path.name.startswith(".")):
            kind = None if child.is_dir() else sniff(child)
            if kind == "dicom":
                raise InputError(
                    f"{label} holds DICOM files; give each patient a folder: {folder.name}/<label>/<patient>/."
                )
            scans = find_scans(child) if child.is_dir() else [child] if kind else []
            name = child.name if child.is_dir() else _FORMATS.sub("", child.name)
            entries += [Entry(scan, name, label.name, slice_labels=slice_labels) for scan in scans]
    if not entries:
        raise InputError(
            f"{folder}: no scans found; expected {folder.name}/<label>/<patient>/ with DICOM, images, NIfTI or NRRD."
        )
    return entries


def index_table(
    table: str | Path,
    scan: str = "scan",
    patient: str = "patient",
    label: str = "label",
    split: str = "split",
    slice_labels: Path | None = None,
) -> list[Entry]:
    """Entries from any CSV that names scans, patients and labels.

    Args:
        scan, patient, label, split: names of its columns; the split may be absent. Scans are relative to the table,
            as are the files of the columns `slice_labels`, `lungs` and `lesions`. A column `mask_values` is taken over.
        slice_labels: one CSV for all scans without one of their own, see `Entry`.

    Raises:
        InputError: a column that is not there, or scans that are not.
    """
    table = Path(table)
    lines = read_lines(table)
    rows = list(lines.values())
    absent = [name for name in (scan, patient, label) if name not in rows[0]]
    if absent:
        raise InputError(f"{table}: no column {', '.join(absent)}. Columns: {', '.join(rows[0])}")
    for line, row in lines.items():
        empty = [name for name in (scan, patient, label) if not row[name]]
        if empty:
            raise InputError(f"{table}, line {line}: {', '.join(empty)} is empty.")
    entries = [
        Entry(
            table.parent / row[scan],
            row[patient],
            row[label],
            row.get(split) or None,
            *(table.parent / row[name] if row.get(name) else None for name in ("slice_labels", "lungs", "lesions")),
            mask_values=row.get("mask_values") or None,
        )
        for row in rows
    ]
    entries = [replace(entry, slice_labels=entry.slice_labels or slice_labels) for entry in entries]
    strange = sorted({entry.split for entry in entries} - {None, *SPLITS})
    if strange:
        raise InputError(f"{table}: split is train, val, test or empty. Received: {', '.join(strange)}")
    gone = [str(entry.scan) for entry in entries if not entry.scan.exists()]
    if gone:
        raise InputError(f"{table}: {len(gone)} scan(s) do not exist, such as {', '.join(gone[:3])}")
    return entries
