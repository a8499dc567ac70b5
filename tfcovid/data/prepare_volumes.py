"""The store of a segmenter: every scan and its labels on the working grid, kept as arrays that need no reading."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tfcovid.config.segmenter import Segmenter
from tfcovid.data.label_volume import label_volume, needed_masks
from tfcovid.data.manifest import Entry
from tfcovid.data.mask_values import UNLABELLED
from tfcovid.data.network_slices import scan_hu
from tfcovid.data.prepare import _hash, _hashed, _in_parallel, open_store, workers_or_default
from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.preprocess import crop_resize, resample
from tfcovid.progress import with_progress
from tfcovid.scans import Scan, read_scan
from tfcovid.scans.finding import check_names

# Counts up when the arrays or what they mean change, so that an old store is never read as a new one.
_FORMAT = 2

_PLACES = 2000  # voxels of each label that training may centre a patch on


@dataclass(frozen=True)
class PreparedVolume:
    """One scan of the store.

    Attributes:
        ct: `.npy` file, `(slices, height, width)` int16 HU on the working grid.
        labels: `.npy` file of the same shape, uint8: the number of the label, 255 where it is not known.
        spacing: (slice, row, column) of the working grid in mm.
        places: `.npy` file, `(n, 4)` int32: label, slice, row and column of up to 2,000 voxels of every label but the
            background, drawn at random.
        findings: what the checks of the scan found, as (name, severity).
        content: hash of the scan's files whatever their names; equal for copies.
    """

    entry: Entry
    ct: Path
    labels: Path
    spacing: tuple[float, float, float]
    places: Path
    findings: tuple[tuple[str, str], ...]
    content: str

    @property
    def known_spacing(self) -> tuple[float, float, float] | None:
        """`spacing`, or None where the scan does not say how large a voxel is."""
        return None if any(name == "no-spacing" for name, _ in self.findings) else self.spacing

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, height, width) of the working grid."""
        return np.load(self.ct, mmap_mode="r").shape


def prepare_volumes(
    segmenter: Segmenter,
    entries: Sequence[Entry],
    store: str | Path,
    allow: Sequence[str] = (),
    workers: int | None = None,
    progress: bool = False,
) -> tuple[list[PreparedVolume], list[tuple[Entry, str]]]:
    """Brings the scans of `entries` and their labels to the working grid, and leaves out those already in `store`.

    A scan is known by a hash of its files, of the masks its labels need and of the settings that shape the arrays:
    what changed is prepared anew, everything else is kept. Files are written to a temporary name and moved into
    place, so that a stopped run loses at most the scans it was at. Memory holds one scan and one of its masks a
    worker, 0.6 GB for 300 slices of 512 x 512, however many scans there are.

    The working grid: slices resized to `network.size`, or the scan resampled to `network.spacing`; outer edges stay
    where they were, and nothing is cropped. 8-bit pixels become HU through the window that the config names.

    Args:
        allow: names of findings that are not to stop a scan, see `tfcovid.read_scan`.
        workers: scans at a time; by default one a processor, but no more than four.

    Returns:
        The prepared scans in the order of `entries`, and those that could not be read, or whose masks could not,
        with the reason.
    """
    check_names(allow)
    store = open_store(store)
    work = partial(_prepared, segmenter, store, allow)
    outcomes = _in_parallel(work, [[entry] for entry in entries], workers_or_default(workers))
    results = dict(with_progress(outcomes, len(entries), "Preparing scans", progress))
    done, failed = [], []
    for number, entry in enumerate(entries):
        [result] = results[number]
        if isinstance(result, str):
            failed.append((entry, result))
        else:
            done.append(result)
    return done, failed


def _prepared(
    segmenter: Segmenter, store: Path, allow: Sequence[str], entries: Sequence[Entry]
) -> list[PreparedVolume]:
    [entry] = entries
    masks = needed_masks(entry, segmenter.labels)
    source = _hashed(entry.scan)
    key = _hash(
        [*_settings(segmenter, allow), *([entry.mask_values] if entry.mask_values else [])],
        source.hashes,
        {name: _hashed(path).hashes for name, path in masks.items()},
    )
    ct, labels, places = (store / f"{key}-{name}.npy" for name in ("ct", "labels", "places"))
    facts = store / f"{key}.json"
    if not facts.is_file():
        scan = read_scan(entry.scan, allow=allow)
        require_spacing(scan, segmenter)
        hu, spacing = _on_working_grid(scan_hu(scan, segmenter), scan.spacing, segmenter)
        truth = label_volume(scan, entry, segmenter.labels)
        truth, _ = _on_working_grid(truth, scan.spacing, segmenter, labels=True)
        drawn = _draw_places(truth, len(segmenter.labels), seed=int(key, 16))
        for path, array in ((ct, hu), (labels, truth), (places, drawn)):
            into_place(path, lambda partial, array=array: np.save(partial, array))
        findings = [(finding.name, finding.severity) for finding in scan.findings]
        if (truth == UNLABELLED).any() and not len(drawn):
            findings.append(("nothing-labelled", "info"))
        found = {"spacing": spacing, "findings": findings}
        # Written last: where the facts are, the arrays are whole.
        into_place(facts, lambda partial: partial.write_text(json.dumps(found), encoding="utf-8"))
    found = json.loads(facts.read_text(encoding="utf-8"))
    findings = tuple((name, severity) for name, severity in found["findings"])
    return [PreparedVolume(entry, ct, labels, tuple(found["spacing"]), places, findings, source.content)]


def require_spacing(scan: Scan, segmenter: Segmenter) -> None:
    """Raises an InputError where a scan does not say how large its voxels are, and the segmenter has to know."""
    if segmenter.network.kind == "unet3d" and scan.known_spacing is None:
        raise InputError(
            f"{segmenter.name} works in mm, and this scan does not say how large a voxel is. Give DICOM, NIfTI, NRRD "
            f"or MHA in place of images. Received: {scan!r}"
        )


def _on_working_grid(
    volume: np.ndarray, spacing: tuple[float, float, float], segmenter: Segmenter, *, labels: bool = False
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """The volume on the working grid, and that grid's (slice, row, column) spacing in mm."""
    network = segmenter.network
    if network.kind == "unet3d":
        return resample(volume, spacing, network.spacing, labels=labels)
    boxes = np.tile(np.array([0, 0, *volume.shape[1:]], np.int32), (len(volume), 1))
    sides = (mm * old / new for mm, old, new in zip(spacing[1:], volume.shape[1:], network.size, strict=True))
    return crop_resize(volume, boxes, network.size, labels=labels), (spacing[0], *sides)


def _settings(segmenter: Segmenter, allow: Sequence[str]) -> list:
    grid = {"attention_unet": "size", "unet3d": "spacing"}[segmenter.network.kind]
    shaping = segmenter.model_dump(mode="json", include={"labels": True, "eight_bit": True, "network": {grid}})
    return ["volumes", _FORMAT, shaping, sorted(allow)]


def _draw_places(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`(n, 4)` int32: label, slice, row and column of random voxels of every label but the background."""
    rng = np.random.default_rng(seed)
    rows = []
    for label in range(1, count):
        counts = np.array([np.count_nonzero(one == label) for one in labels])
        last = np.cumsum(counts)
        # By number among the label's voxels: a list of where all of them are would outgrow the scan.
        numbers = np.sort(rng.choice(last[-1], min(_PLACES, last[-1]), replace=False, shuffle=False))
        slices = np.searchsorted(last, numbers, side="right")
        for k in np.unique(slices):
            voxels = np.flatnonzero(labels[k] == label)[numbers[slices == k] - (last[k] - counts[k])]
            within = np.unravel_index(voxels, labels.shape[1:])
            rows.append(np.column_stack([np.full_like(voxels, label), np.full_like(voxels, k), *within]))
    return np.concatenate(rows).astype(np.int32) if rows else np.zeros((0, 4), np.int32)
