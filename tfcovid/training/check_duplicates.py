from collections import defaultdict
from collections.abc import Sequence

from tfcovid.data import Entry, Prepared
from tfcovid.data.prepare import content_hash
from tfcovid.data.prepare_volumes import PreparedVolume
from tfcovid.errors import InputError


def check_duplicates(scans: Sequence[Prepared | PreparedVolume], others: Sequence[Entry]) -> None:
    """The same files under two patients, whatever their names, would leak from one split into the other."""
    by_content = defaultdict(set)
    for scan in scans:
        by_content[scan.content].add((scan.entry.split or "train", scan.entry.patient))
    for entry in others:
        by_content[content_hash(entry.scan)].add((entry.split or "train", entry.patient))
    for found in by_content.values():
        if len({split for split, _ in found}) > 1:
            names = " and ".join(f"{patient} ({split})" for split, patient in sorted(found))
            raise InputError(f"the same scan stands in two splits, as {names}: take one of them out.")
