"""What preparing a cohort will take, before it starts."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from json import loads
from pathlib import Path
from time import perf_counter, process_time

from tfcovid.config import Config
from tfcovid.data.manifest import Entry
from tfcovid.data.network_slices import LungFinder
from tfcovid.data.prepare import Cropping, workers_or_default
from tfcovid.data.source import Source
from tfcovid.errors import InputError
from tfcovid.scans.finding import check_names

_TRIES = 3


@dataclass(frozen=True)
class Estimate:
    """What `prepare` has done and what is left.

    Attributes:
        done: scans in the store, as far as names, sizes and times of their files tell.
        left: scans still to prepare.
        missing: scans that are not where the manifest says.
        seconds: for those left, from the scan of median size; None if there is none to go by.
        bytes: they will take on disk, likewise.
        free: bytes that the disk of the store has left.
    """

    done: int
    left: int
    missing: int
    seconds: float | None
    bytes: int | None
    free: int


def estimate(
    config: Config,
    entries: Sequence[Entry],
    store: str | Path,
    allow: Sequence[str] = (),
    workers: int | None = None,
    finder: LungFinder | None = None,
) -> Estimate:
    """Prepares one scan in memory and reckons from the bytes of its files to those of all scans that are left.

    Neither reads the files of the other scans nor writes anything.

    Args:
        allow, workers, finder: as for `prepare`.
    """
    check_names(allow)
    store, cropping = Path(store), Cropping(config, tuple(allow), finder)
    known = set()
    for facts in store.glob("[!.]*.json"):
        members = loads(facts.read_text(encoding="utf-8"))
        if isinstance(members, list):  # not of an older store
            known |= {member["source"] for member in members}
    left, missing = [], 0
    for entry in entries:
        try:
            source = Source(entry.scan)
            if cropping.signature(source) not in known:
                left.append((source.bytes, entry))
        except (InputError, OSError):
            missing += 1
    seconds, size = _reckoned(cropping, left, workers_or_default(workers))
    there = next(folder for folder in (store.absolute(), *store.absolute().parents) if folder.is_dir())
    done = len(entries) - len(left) - missing
    return Estimate(done, len(left), missing, seconds, size, shutil.disk_usage(there).free)


def _reckoned(cropping: Cropping, left: Sequence[tuple[int, Entry]], workers: int) -> tuple[float | None, int | None]:
    if not left:
        return 0.0, 0
    by_size = sorted(left, key=lambda pair: pair[0])
    total, median = sum(size for size, _ in by_size), by_size[len(by_size) // 2][0]
    _measured(cropping, by_size[0][1])  # the first scan pays for imports
    for size, entry in sorted(by_size, key=lambda pair: abs(pair[0] - median))[:_TRIES]:
        if measured := _measured(cropping, entry):
            wall, busy, kept = measured
            # Reading a scan uses several processors already: workers gain no more than what idles.
            seconds = max(wall / workers, busy / (os.cpu_count() or 1))
            return seconds * total / max(size, 1), round(kept * total / max(size, 1))
    return None, None


def _measured(cropping: Cropping, entry: Entry) -> tuple[float, float, int] | None:
    """Seconds, seconds of processors, and bytes of slices of one scan; None if it cannot be read."""
    wall, busy = perf_counter(), process_time()
    try:
        _ = Source(entry.scan).hashes
        _, kept = cropping.slices(entry)
    except Exception:  # one bad scan says nothing of the others; `prepare` will report it
        return None
    return perf_counter() - wall, process_time() - busy, kept.hu.nbytes
