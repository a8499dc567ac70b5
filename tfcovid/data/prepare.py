"""The store: every scan of a cohort cropped once and kept as TFRecord."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from time import time
from typing import Any

import numpy as np

from tfcovid.config import Config
from tfcovid.data.manifest import Entry
from tfcovid.data.network_slices import network_slices
from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.progress import with_progress
from tfcovid.scans import read_scan
from tfcovid.scans.finding import check_names

# Counts up when records or what they mean change, so that an old store is never read as a new one.
_FORMAT = 1

# A MetaImage or NRRD header whose voxels are in another file.
_DETACHED = re.compile(rb"^(ElementDataFile\s*=(?!\s*LOCAL)|data ?file\s*:)", re.MULTILINE | re.IGNORECASE)

# Each holds a scan, and reading one uses several processors already.
_WORKERS = 4

_ABANDONED = 3600  # seconds after which an unfinished file is nobody's


@dataclass(frozen=True)
class Prepared:
    """One scan of the store.

    Attributes:
        record: TFRecord file, one Example a slice: "hu", int16 little-endian `(height, width)`.
        index: where each slice stood in the scan.
        scan_slices: slices of the whole scan.
        findings: what the checks of the scan found, as (name, severity).
        content: hash of the scan's files whatever their names; equal for copies.
    """

    entry: Entry
    record: Path
    index: tuple[int, ...]
    scan_slices: int
    findings: tuple[tuple[str, str], ...]
    content: str


def prepare(
    config: Config,
    entries: Sequence[Entry],
    store: str | Path,
    allow: Sequence[str] = (),
    workers: int | None = None,
    progress: bool = False,
) -> tuple[list[Prepared], list[tuple[Entry, str]]]:
    """Crops the scans of `entries` into `store`, several at a time, and leaves out those already there.

    A scan is known by a hash of its files and of the settings that shape its slices: changed scans and changed
    settings are prepared anew, everything else is kept. Each record is written to a temporary name and moved into
    place, so that a stopped run loses at most the scans it was at. Memory holds one scan a worker.

    Args:
        allow: names of findings that are not to stop a scan, see `tfcovid.read_scan`.
        workers: scans at a time; by default one a processor, but no more than four.

    Returns:
        The prepared scans in the order of `entries`, and the scans that could not be read with the reason.
    """
    store = Path(store)
    store.mkdir(parents=True, exist_ok=True)
    check_names(allow)
    for left_over in store.glob(".partial-*"):
        # Not the younger ones: another run may share the store.
        if time() - left_over.stat().st_mtime > _ABANDONED:
            left_over.unlink(missing_ok=True)
    outcomes = _in_parallel(
        partial(_prepare_one, config, store, allow), entries, workers or min(_WORKERS, os.cpu_count() or 1)
    )
    results = dict(with_progress(outcomes, len(entries), "Preparing scans", progress))
    done = [results[n] for n in range(len(entries)) if isinstance(results[n], Prepared)]
    failed = [(entry, results[n]) for n, entry in enumerate(entries) if isinstance(results[n], str)]
    return done, failed


def _in_parallel(work: Callable, items: Sequence, workers: int) -> Iterator[tuple[int, Any]]:
    """(number of the item, what `work` returned or why it failed), as they finish, `workers` at a time."""
    numbered = iter(enumerate(items))
    with ThreadPoolExecutor(workers) as pool:
        # No more in flight than workers: results and errors of scans hold memory until they are taken.
        running = {pool.submit(work, item): n for n, item in islice(numbered, workers)}
        try:
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    number, error = running.pop(future), future.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    reason = str(error) if isinstance(error, InputError) else f"unexpected {error!r}"
                    running |= {pool.submit(work, item): n for n, item in islice(numbered, 1)}
                    yield number, reason if error else future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def read_record(record: Path, size: tuple[int, int]) -> np.ndarray:
    """All slices of one scan, `(slices, height, width)` int16 HU."""
    import tensorflow as tf

    examples = (tf.train.Example.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(str(record)))
    return np.stack([_decode(example, size) for example in examples])


def _decode(example, size: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(example.features.feature["hu"].bytes_list.value[0], "<i2").reshape(size)


def content_hash(scan: Path) -> str:
    """Hash of a scan's files whatever their names; equal for copies of a scan."""
    return _whatever_the_names(_file_hashes(scan))


def _whatever_the_names(hashes: dict[str, str]) -> str:
    return hashlib.sha256("".join(sorted(hashes.values())).encode()).hexdigest()[:32]


def _prepare_one(config: Config, store: Path, allow: Sequence[str], entry: Entry) -> Prepared:
    hashes = _file_hashes(entry.scan)
    shaping = config.model_dump(mode="json", include={"crop", "selection", "eight_bit"})
    key = hashlib.sha256(json.dumps([_FORMAT, shaping, sorted(allow), hashes], sort_keys=True).encode()).hexdigest()[
        :32
    ]
    record, facts = store / f"{key}.tfrecord", store / f"{key}.json"
    if not facts.is_file():
        scan = read_scan(entry.scan, allow=allow)
        slices = network_slices(scan, config, threads=1)
        into_place(record, partial(_write_record, slices.hu))
        known = {
            "index": slices.index.tolist(),
            "scan_slices": len(scan.voxels),
            "findings": [(f.name, f.severity) for f in scan.findings],
        }
        # Written last: where the facts are, the record is whole.
        into_place(facts, lambda path: path.write_text(json.dumps(known), encoding="utf-8"))
    known = json.loads(facts.read_text(encoding="utf-8"))
    findings = tuple((name, severity) for name, severity in known["findings"])
    index = tuple(known["index"])
    return Prepared(entry, record, index, known["scan_slices"], findings, _whatever_the_names(hashes))


def _file_hashes(scan: Path) -> dict[str, str]:
    """Name -> hash of every file that a scan is read from. The scan's own name is left out: copies are alike."""
    if scan.is_dir():
        files = {str(path.relative_to(scan)): path for path in scan.rglob("*") if path.is_file()}
    elif scan.is_file():
        files = {"": scan}
        with scan.open("rb") as opened:
            detached = _DETACHED.search(opened.read(8192))
        if detached:
            # The voxels lie in files beside this header, by names and patterns of several formats: take all.
            files |= {path.name: path for path in scan.parent.iterdir() if path.is_file()}
    else:
        raise InputError(f"no such scan: {scan}")
    hashes = {}
    for name, path in sorted(files.items()):
        with path.open("rb") as opened:
            hashes[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return hashes


def _write_record(hu: np.ndarray, path: Path) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for pixels in hu:
            raw = tf.train.BytesList(value=[np.ascontiguousarray(pixels, "<i2").tobytes()])
            features = tf.train.Features(feature={"hu": tf.train.Feature(bytes_list=raw)})
            writer.write(tf.train.Example(features=features).SerializeToString())
