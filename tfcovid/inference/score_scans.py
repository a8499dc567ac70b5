"""What a system says of scans whose diagnosis is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfcovid.data import Entry
from tfcovid.errors import InputError
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.system import System
from tfcovid.scans import read_scan


@dataclass(frozen=True, repr=False)
class ScoredScan:
    """One scan with its diagnosis, or with the reason why it has none."""

    entry: Entry
    diagnosis: Diagnosis | None = None
    error: str | None = None


def score_scans(system: System | Ensemble, entries: Sequence[Entry], allow: Sequence[str] = ()) -> Iterator[ScoredScan]:
    """Diagnoses the scans of `entries` one by one, without what may follow; one bad scan never stops the others.

    Args:
        allow: names of findings that do not stop a scan, see `tfcovid.read_scan`.
    """
    for entry in entries:
        try:
            yield ScoredScan(entry, system.diagnose(read_scan(entry.scan, allow=allow)))
        except Exception as error:  # whatever one bad scan in a thousand raises
            yield ScoredScan(entry, error=str(error) if isinstance(error, InputError) else f"unexpected {error!r}")
