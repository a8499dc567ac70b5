"""What is wrong with a cohort, before time is spent on training with it."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tfcovid.data.label_volume import mask_regions
from tfcovid.data.manifest import Entry, read_rows, slice_marks
from tfcovid.data.perceptual_hash import NEAR, near_pairs, perceptual_hash
from tfcovid.data.prepare import content_hash
from tfcovid.errors import InputError
from tfcovid.progress import with_progress
from tfcovid.scans import CHECKS, Scan, read_scan
from tfcovid.scans.finding import check_names

# Name: (severity, what to do about it). Findings of the scans' own checks, `tfcovid.scans.CHECKS`, come beside them.
COHORT_CHECKS = {
    "empty-field": ("error", "Fill it in, or delete the line."),
    "unknown-split": ("error", "Write train, val, test or nothing."),
    "scan-listed-twice": ("error", "Delete one of the lines."),
    "patient-in-two-splits": ("error", "Give all scans of a patient one split."),
    "patient-with-two-labels": ("warning", "Mend the label, or the patient if they are two people."),
    "labels-alike": ("warning", "Write a label in one way."),
    "class-imbalance": ("warning", "Weight or balance the classes; judge by macro-F1, not by accuracy."),
    "label-missing-in-split": ("warning", "Draw the splits again, or add patients of this label."),
    "missing-file": ("error", "Copy it from its source, or take it out of the manifest."),
    "unreadable-scan": ("error", "Copy it again from its source, or delete its line."),
    "unreadable-mask": ("error", "Copy it again from its source, or clear the cell."),
    "mask-differs": ("error", "Give the mask that was drawn on this scan."),
    "mask-values": ("error", "Say what its numbers mean in the column mask_values."),
    "slice-labels-differ": ("error", "Give one row for each slice of the scan, or clear the cell."),
    "no-slice-labels": ("warning", "Fine for healthy patients; others need a row for each slice."),
    "identical-across-splits": ("error", "Keep it in one split."),
    "identical-other-label": ("error", "Find out which label is right; delete the other line."),
    "identical-scans": ("warning", "Keep one; if the patients differ, give them one name."),
    "near-duplicate-across-splits": ("warning", "Look at both; if they are one scan or person, keep one split."),
    "near-duplicate-other-label": ("warning", "Look at both; if they are one scan, find out which label is right."),
    "near-duplicate": ("warning", "Look at both; if they are one person, give them one name."),
}

_WORKERS = 4  # each holds a scan or a mask
_HASHED = 16  # slices of a scan
_UNEVEN = 10  # times as many patients in one class as in another
# True of every image, whatever cohort: they would bury the rest.
_OF_IMAGES = ("no-spacing", "no-orientation")


@dataclass(frozen=True)
class CohortFinding:
    """One thing that is wrong, or looks wrong.

    name: from COHORT_CHECKS or `tfcovid.scans.CHECKS`.
    severity: "error" | "warning".
    seen: what was noticed, in words.
    about: the scans, files, patients or lines it concerns; paths are relative to the manifest.
    """

    name: str
    severity: str
    seen: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Examined:
    findings: list[CohortFinding]
    content: str | None = None
    hashes: tuple[np.ndarray, ...] = ()


def check_manifest(
    manifest: str | Path,
    allow: Collection[str] = (),
    near: int = NEAR,
    workers: int | None = None,
    progress: bool = False,
) -> tuple[list[Entry], list[CohortFinding]]:
    """Reads every scan, mask and table of a manifest and looks for faults, leaks and duplicates.

    Copies are found by the hash of their files, near-duplicates by the perceptual hash of up to 16 slices of a scan,
    evenly spaced: at least half of them have to be like one of another patient's. Re-encoded, resized or converted
    copies are found; cropped, rotated or differently windowed ones are not, nor single slices of a scan. Memory
    holds one scan or mask a worker, and 512 bytes of hashes a scan.

    Args:
        allow: names of scans' findings that count as warnings only, see `tfcovid.read_scan`.
        near: bits of 256 in which near-duplicates may differ.
        workers: scans at a time; by default one a processor, but no more than four.

    Returns:
        The entries that the manifest's lines make, and the findings, errors first.

    Raises:
        InputError: no such manifest, or a missing or unknown column.
    """
    manifest = Path(manifest)
    allow = check_names(allow)
    entries, faults = read_rows(manifest)
    findings = [_found(fault.name, fault.seen, [f"line {fault.line}"]) for fault in faults]
    findings += [*_patients(entries), *_labels(entries)]
    work = partial(_examine, manifest.parent, allow)
    with ThreadPoolExecutor(workers or min(_WORKERS, os.cpu_count() or 1)) as pool:
        try:
            results = pool.map(work, entries)
            examined = list(with_progress(results, len(entries), "Checking scans", progress))
        finally:
            pool.shutdown(cancel_futures=True)
    findings += [finding for scan in examined for finding in scan.findings]
    findings += _copies(manifest.parent, entries, examined)
    findings += _near_duplicates(manifest.parent, entries, examined, near)
    order = [*COHORT_CHECKS, *CHECKS]
    return entries, sorted(findings, key=lambda f: (f.severity, order.index(f.name)))


def _found(name: str, seen: str, about: Sequence[str] = ()) -> CohortFinding:
    return CohortFinding(name, COHORT_CHECKS[name][0], seen, tuple(about))


def _named(path: Path, root: Path) -> str:
    return os.path.relpath(path, root)


def _patients(entries: Sequence[Entry]) -> Iterator[CohortFinding]:
    splits, labels = defaultdict(set), defaultdict(set)
    for entry in entries:
        splits[entry.patient].add(entry.split or "none")
        labels[entry.patient].add(entry.label)
    for patient, found in splits.items():
        if len(found) > 1:
            yield _found("patient-in-two-splits", f"stands in {' and '.join(sorted(found))}.", [patient])
    for patient, found in labels.items():
        if len(found) > 1:
            yield _found("patient-with-two-labels", f"has the labels {' and '.join(sorted(found))}.", [patient])


def _labels(entries: Sequence[Entry]) -> Iterator[CohortFinding]:
    patients = {(entry.patient, entry.label): entry for entry in entries}.values()
    spellings, per_split = defaultdict(set), defaultdict(Counter)
    for entry in patients:
        spellings["".join(filter(str.isalnum, entry.label.casefold()))].add(entry.label)
        per_split[entry.split or "no split"][entry.label] += 1
    for found in spellings.values():
        if len(found) > 1:
            yield _found("labels-alike", "differ only in how they are written.", sorted(found))
    labels = {entry.label for entry in entries}
    for split, counts in sorted(per_split.items()):
        for label in sorted(labels - counts.keys()):
            yield _found("label-missing-in-split", f"has no patient of {label}.", [split])
        most, least = counts.most_common()[0], counts.most_common()[-1]
        if most[1] > _UNEVEN * least[1]:
            seen = f"has {most[1]} patients of {most[0]} and {least[1]} of {least[0]}."
            yield _found("class-imbalance", seen, [split])


def _examine(root: Path, allow: Collection[str], entry: Entry) -> _Examined:
    """What one line's files show; a fault in them is a finding, whatever it is."""
    name = _named(entry.scan, root)
    if not entry.scan.exists():
        return _Examined([_found("missing-file", "The scan is not there.", [name])])
    try:
        # Read in spite of errors, so that all of them are told, and copies of such a scan are found.
        scan = read_scan(entry.scan, allow=[check for check, (severity, _) in CHECKS.items() if severity == "error"])
        content = content_hash(entry.scan)
    except Exception as error:
        return _Examined([_found("unreadable-scan", _reason(error), [name])])
    findings = [
        CohortFinding(found.name, "warning" if found.name in allow else found.severity, found.seen, (name,))
        for found in scan.findings
        if found.severity != "info" and not _is_of_images(found.name, scan)
    ]
    hashes = _hashes(scan)
    shape = scan.shape
    del scan  # before a mask of the same size is read
    for column in ("lungs", "lesions"):
        if getattr(entry, column):
            findings += _check_mask(entry, column, shape, root, name)
    if entry.slice_labels:
        findings += _check_slice_labels(entry, shape[0], root, name)
    return _Examined(findings, content, hashes)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"unexpected {error!r}"


def _is_of_images(name: str, scan: Scan) -> bool:
    return scan.units == "8-bit" and (name in _OF_IMAGES or (name == "too-few-slices" and len(scan.voxels) == 1))


def _hashes(scan: Scan) -> tuple[np.ndarray, ...]:
    chosen = np.unique(np.linspace(0, len(scan.voxels) - 1, _HASHED).round().astype(int))
    slices = (scan.voxels[k] for k in chosen)
    if scan.units == "HU":
        # The window that most published slices were made with: centre -600, width 1500.
        slices = (np.clip((hu.astype(np.float32) + 1350) * (255 / 1500), 0, 255).astype(np.uint8) for hu in slices)
    return tuple(code for code in map(perceptual_hash, slices) if code is not None)


def _check_mask(entry: Entry, column: str, shape: tuple, root: Path, name: str) -> Iterator[CohortFinding]:
    path = getattr(entry, column)
    about = [_named(path, root), name]
    if not path.exists():
        yield _found("missing-file", "The mask is not there.", about)
        return
    try:
        mask = read_scan(path, allow=[check for check, (severity, _) in CHECKS.items() if severity == "error"])
    except Exception as error:
        yield _found("unreadable-mask", _reason(error), about)
        return
    if mask.shape != shape:
        yield _found("mask-differs", f"The mask is {mask.shape} voxels and the scan {shape}.", about)
    try:
        mask_regions(mask, column, entry)
    except InputError as error:
        yield _found("mask-values", str(error), about)


def _check_slice_labels(entry: Entry, slices: int, root: Path, name: str) -> Iterator[CohortFinding]:
    about = [_named(entry.slice_labels, root), name]
    try:
        marks = slice_marks(entry)
    except InputError as error:
        yield _found("slice-labels-differ" if entry.slice_labels.is_file() else "missing-file", str(error), about)
        return
    if not marks:
        yield _found("no-slice-labels", f"The table has no rows of patient {entry.patient}.", about)
    elif sorted(k for k, _ in marks) != list(range(slices)):
        seen = f"{len(marks)} rows, from {min(marks)[0]} to {max(marks)[0]}, for the slices 0 to {slices - 1}."
        yield _found("slice-labels-differ", seen, about)


def _copies(root: Path, entries: Sequence[Entry], examined: Sequence[_Examined]) -> Iterator[CohortFinding]:
    same = defaultdict(list)
    for entry, scan in zip(entries, examined, strict=True):
        if scan.content:
            same[scan.content].append(entry)
    for group in same.values():
        if len(group) == 1:
            continue
        splits, labels = {entry.split or "none" for entry in group}, {entry.label for entry in group}
        about = [_named(entry.scan, root) for entry in group]
        if len(splits) > 1:
            yield _found("identical-across-splits", f"The same files in {' and '.join(sorted(splits))}.", about)
        if len(labels) > 1:
            yield _found("identical-other-label", f"The same files as {' and '.join(sorted(labels))}.", about)
        if len(splits) == len(labels) == 1:
            yield _found("identical-scans", "The same files.", about)


def _near_duplicates(
    root: Path, entries: Sequence[Entry], examined: Sequence[_Examined], near: int
) -> Iterator[CohortFinding]:
    owners = np.array([n for n, scan in enumerate(examined) for _ in scan.hashes], int)
    if not len(owners):
        return
    patients = {patient: n for n, patient in enumerate({entry.patient for entry in entries})}
    groups = np.array([patients[entries[n].patient] for n in owners])
    alike = defaultdict(lambda: (set(), set(), []))
    for firsts, seconds, bits in near_pairs(
        np.stack([code for scan in examined for code in scan.hashes]), groups, near
    ):
        for first, second, distance in zip(firsts.tolist(), seconds.tolist(), bits.tolist(), strict=True):
            left, right, distances = alike[owners[first], owners[second]]
            left.add(first)
            right.add(second)
            distances.append(distance)
    for (a, b), (left, right, distances) in sorted(alike.items()):
        fewest = min(len(examined[a].hashes), len(examined[b].hashes))
        slices = min(len(left), len(right))
        if 2 * slices < fewest or examined[a].content == examined[b].content:
            continue
        one, other = entries[a], entries[b]
        if one.split != other.split:
            name, what = "near-duplicate-across-splits", f"{one.split or 'none'} and {other.split or 'none'}"
        elif one.label != other.label:
            name, what = "near-duplicate-other-label", f"{one.label} and {other.label}"
        else:
            name, what = "near-duplicate", f"patients {one.patient} and {other.patient}"
        seen = f"{what}: {slices} of {fewest} slices alike, the closest {min(distances)} of 256 bits apart."
        yield _found(name, seen, [_named(one.scan, root), _named(other.scan, root)])
