"""The store: every scan of a cohort cropped once and kept as TFRecord."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from time import time
from typing import Any

import numpy as np

from tfcovid.config import Config
from tfcovid.data.manifest import Entry
from tfcovid.data.network_slices import LungFinder, NetworkSlices, network_slices
from tfcovid.data.shard import read_shard, write_shard
from tfcovid.data.source import Source
from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.progress import with_progress
from tfcovid.scans import Scan, read_scan
from tfcovid.scans.finding import check_names
from tfcovid.scans.sniff import sniff

# Counts up when records or what they mean change, so that an old store is never read as a new one.
_FORMAT = 3

_SHARD_IMAGES = 64

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
        first: position in `record` of the scan's first slice; the others follow it.
    """

    entry: Entry
    record: Path
    index: tuple[int, ...]
    scan_slices: int
    findings: tuple[tuple[str, str], ...]
    content: str
    first: int = 0


def prepare(
    config: Config,
    entries: Sequence[Entry],
    store: str | Path,
    allow: Sequence[str] = (),
    workers: int | None = None,
    progress: bool = False,
    finder: LungFinder | None = None,
) -> tuple[list[Prepared], list[tuple[Entry, str]]]:
    """Crops the scans of `entries` into `store`, several at a time, and leaves out those already there.

    A scan is known by a hash of its files and of the settings that shape its slices: changed scans and changed
    settings are prepared anew, everything else is kept. Each record is written to a temporary name and moved into
    place, so that a stopped run loses at most the scans it was at. Memory holds one scan a worker, 0.3 GB for 300
    slices of 512 x 512, however many scans there are (`benchmarks/prepare_memory.py`).

    A scan has a record of its own, but single images share one, 64 that follow each other: where one changed, its
    record is made anew.

    Args:
        allow: names of findings that are not to stop a scan, see `tfcovid.read_scan`.
        workers: scans at a time; by default one a processor, but no more than four.
        finder: see `network_slices`.

    Returns:
        The prepared scans in the order of `entries`, and the scans that could not be read with the reason.
    """
    check_names(allow)
    store = open_store(store)
    shards = _shards(entries)
    work = partial(_prepare_shard, Cropping(config, tuple(allow), finder), store)
    outcomes = _in_parallel(work, [[entries[n] for n in shard] for shard in shards], workers_or_default(workers))
    each = (pair for number, shard in outcomes for pair in zip(shards[number], shard, strict=True))
    results = dict(with_progress(each, len(entries), "Preparing scans", progress))
    done = [results[n] for n in range(len(entries)) if isinstance(results[n], Prepared)]
    failed = [(entry, results[n]) for n, entry in enumerate(entries) if isinstance(results[n], str)]
    return done, failed


def open_store(store: str | Path) -> Path:
    """The folder of a store, made where it is missing, without what stopped runs left unfinished."""
    store = Path(store)
    store.mkdir(parents=True, exist_ok=True)
    for left_over in store.glob(".partial-*"):
        # Not the younger ones: another run may share the store.
        if time() - left_over.stat().st_mtime > _ABANDONED:
            left_over.unlink(missing_ok=True)
    return store


def read_slices(scan: Prepared, size: tuple[int, int], some: Sequence[int] | None = None) -> np.ndarray:
    """All slices of one scan, or some by their numbers among those kept: `(slices, height, width)` int16 HU."""
    numbers = range(len(scan.index)) if some is None else some
    hu = np.empty((len(numbers), *size), "<i2")
    read_shard(scan.record, [scan.first + n for n in numbers], hu)
    return hu


def content_hash(scan: Path) -> str:
    """Hash of a scan's files whatever their names; equal for copies of a scan."""
    return Source(scan).content


def workers_or_default(workers: int | None) -> int:
    return workers or min(_WORKERS, os.cpu_count() or 1)


@dataclass(frozen=True)
class Cropping:
    """What shapes the slices of a store."""

    config: Config
    allow: tuple[str, ...] = ()
    finder: LungFinder | None = None

    def slices(self, entry: Entry) -> tuple[Scan, NetworkSlices]:
        """The scan of an entry and those of its slices that the store keeps."""
        scan = read_scan(entry.scan, allow=self.allow)
        return scan, network_slices(scan, self.config, threads=1, finder=self.finder)

    def signature(self, source: Source) -> str:
        """Changes with the settings, and with names, sizes and times of the files."""
        return _hash(self._settings, source.signature)

    def key(self, source: Source) -> str:
        """Changes with the settings and with the files' contents."""
        return _hash(self._settings, source.hashes)

    @property
    def _settings(self) -> list:
        settings = self.config.model_dump(mode="json", include={"crop", "selection", "eight_bit"})
        if self.config.crop.outside == "white":  # brighter than every window
            settings["window"] = self.config.model_dump(mode="json")["window"]
        # The name of the bundle says less than what is in it.
        settings["crop"]["segmenter"] = self.finder and self.finder.hash
        return [_FORMAT, settings, sorted(self.allow)]


def _shards(entries: Sequence[Entry]) -> list[list[int]]:
    """Numbers of the entries that share a record: 64 images, whatever their splits, so that folds share a store."""
    images = [n for n, entry in enumerate(entries) if _is_one_image(entry.scan)]
    others = [[n] for n in sorted(set(range(len(entries))) - set(images))]
    return sorted([*others, *(images[n : n + _SHARD_IMAGES] for n in range(0, len(images), _SHARD_IMAGES))])


def _is_one_image(scan: Path) -> bool:
    if not scan.is_file() or sniff(scan) != "image":
        return False
    with scan.open("rb") as file:
        tiff = file.read(2) in (b"II", b"MM")
    if not tiff:
        return True
    import cv2

    return cv2.imcount(str(scan)) == 1  # not a stack


def _in_parallel(work: Callable, items: Sequence[Sequence], workers: int) -> Iterator[tuple[int, list]]:
    """(number of the item, what `work` returned for its members or why it failed), as they finish."""
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
                    running |= {pool.submit(work, item): n for n, item in islice(numbered, 1)}
                    yield number, [_reason(error)] * len(items[number]) if error else future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare_shard(cropping: Cropping, store: Path, entries: Sequence[Entry]) -> list[Prepared | str]:
    """Each entry as it lies in the store, or why it does not."""
    sources = [_or_reason(_hashed, entry.scan) for entry in entries]
    keys = ["" if isinstance(source, str) else cropping.key(source) for source in sources]
    key = keys[0] if len(keys) == 1 else _hash(*keys)
    record, facts = store / f"{key}.tfrecord", store / f"{key}.json"
    if facts.is_file():
        members = json.loads(facts.read_text(encoding="utf-8"))
    else:
        members = _write(cropping, entries, sources, record)
        # Written last: where the facts are, the record is whole. Left out where a scan could not be read, so that it
        # is tried again.
        if not any(isinstance(member, str) for member in members):
            into_place(facts, lambda path: path.write_text(json.dumps(members), encoding="utf-8"))
    return [
        member if isinstance(member, str) else _prepared(entry, record, source, member)
        for entry, source, member in zip(entries, sources, members, strict=True)
    ]


def _write(
    cropping: Cropping, entries: Sequence[Entry], sources: Sequence[Source | str], record: Path
) -> list[dict | str]:
    """Writes a record with the slices of all entries that can be read; facts of each entry, or the reason."""
    members, slices = [], []
    for entry, source in zip(entries, sources, strict=True):
        found = source if isinstance(source, str) else _or_reason(cropping.slices, entry)
        if isinstance(found, str):
            members.append(found)
            continue
        scan, kept = found
        members.append(
            {
                "first": sum(len(hu) for hu in slices),
                "index": kept.index.tolist(),
                "scan_slices": len(scan.voxels),
                "findings": [(f.name, f.severity) for f in scan.findings],
                "source": cropping.signature(source),
            }
        )
        slices.append(kept.hu)
        del found, scan, kept  # only the cropped slices stay while they are written
    if slices:
        into_place(record, lambda path: write_shard(path, chain.from_iterable(slices)))
    return members


def _prepared(entry: Entry, record: Path, source: Source, facts: dict) -> Prepared:
    findings = tuple((name, severity) for name, severity in facts["findings"])
    index = tuple(facts["index"])
    return Prepared(entry, record, index, facts["scan_slices"], findings, source.content, facts["first"])


def _hashed(scan: Path) -> Source:
    source = Source(scan)
    _ = source.hashes  # here, where what goes wrong with a file is its scan's fault
    return source


def _or_reason(work: Callable, *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except Exception as error:
        return _reason(error)


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, InputError) else f"unexpected {error!r}"


def _hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
