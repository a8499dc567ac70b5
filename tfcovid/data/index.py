"""Makes manifest entries of a cohort as it lies on disk."""

from pathlib import Path

from tfcovid.data.manifest import Entry, read_table
from tfcovid.errors import InputError
from tfcovid.scans import find_scans
from tfcovid.scans.sniff import sniff


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
                raise InputError(f"{label} holds DICOM files of nobody in particular; give each patient a folder.")
            scans = find_scans(child) if child.is_dir() else [child] if kind else []
            name = child.name if child.is_dir() else child.name.split(".")[0]
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
) -> list[Entry]:
    """Entries from any CSV that names scans, patients and labels.

    Args:
        scan, patient, label, split: names of its columns; the split may be absent. Scans are relative to the table.

    Raises:
        InputError: a column that is not there, or scans that are not.
    """
    table = Path(table)
    rows = read_table(table)
    absent = [name for name in (scan, patient, label) if name not in rows[0]]
    if absent:
        raise InputError(f"{table}: no column {', '.join(absent)}. Columns: {', '.join(rows[0])}")
    entries = [Entry(table.parent / r[scan], r[patient], r[label], r.get(split) or None) for r in rows]
    gone = [str(entry.scan) for entry in entries if not entry.scan.exists()]
    if gone:
        raise InputError(f"{table}: {len(gone)} scan(s) do not exist, such as {', '.join(gone[:3])}")
    return entries
