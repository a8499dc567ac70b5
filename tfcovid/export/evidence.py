from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfcovid.data import Entry
from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom
from tfcovid.scans import Scan, read_scan


@dataclass(frozen=True)
class Evidence:
    """What an export is verified on.

    Attributes:
        scan: whose slices every network and signature of the export reads; one in HU.
        entries: labelled scans: where there are some, integers are fitted to the slices of the first and the change of
            AUC is that on all of them.
        described: what the scan is, in words without a name.
    """

    scan: Scan
    entries: Sequence[Entry] = ()
    described: str = "a phantom"

    @classmethod
    def gather(cls, scan: Scan | None = None, entries: Sequence[Entry] = (), seed: int = 0) -> "Evidence":
        """Of a scan or, without one, of a phantom.

        Raises:
            InputError: a scan of 8-bit grey levels.
        """
        if scan is None:
            made = make_phantom("covid", seed=seed, shape=(12, 160, 160))
            return cls(Scan.from_array(made.hu, made.spacing), entries)
        if scan.units != "HU":
            raise InputError("an export is verified on a scan in Hounsfield units: give DICOM or NIfTI, or none.")
        return cls(scan, entries, f"a scan of {' x '.join(map(str, scan.shape))} voxels")

    def scans(self) -> Iterator[tuple[Entry, Scan]]:
        """The labelled scans, read one by one. One that cannot be read is an error here: figures are of all of them."""
        for entry in self.entries:
            yield entry, read_scan(entry.scan)
