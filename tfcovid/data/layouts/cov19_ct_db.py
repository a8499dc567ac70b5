import os
import re
from pathlib import Path

from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError

_LABEL = re.compile(r"(non)?[-_ ]?covid[-_ ]?[0-9]*", re.IGNORECASE)  # also covid1, non-covid3: parts of a download
_SPLITS = {"val": "val", "valid": "val", "validation": "val", "test": "test"}


def cov19_ct_db(folder: str | Path) -> list[Entry]:
    """COV19-CT-DB: `train/` and `val/` (or `Validation/`), in each `covid/` and `non-covid/`, a folder of JPEG a scan.

    Parts such as `covid1/` and `non-covid3/` that lie in no folder of a split belong to `train`, as in the 2024 and
    2025 downloads. Scans of the test set have no labels and are not listed. Labels: covid, non-covid. There are no
    patient ids: each scan counts as a patient.

    Cite: Kollias, Arsenos, Soukissian, Kollias, "MIA-COV19D: COVID-19 detection through 3-D chest CT image analysis",
    ICCV Workshops 2021; Arsenos, Kollias, Kollias, "A large imaging database and novel deep neural architecture for
    COVID-19 diagnosis", IVMSP 2022. Licence: none stated; given to participants of the competitions under an agreement.

    Raises:
        InputError: no such folder, or no folders of labels with scans in them.
    """
    folder = Path(folder)
    entries = []
    for root, folders, _ in os.walk(folder):
        parts = Path(root).relative_to(folder).parts
        label = _LABEL.fullmatch(parts[-1]) if parts else None
        if label:
            scans, folders[:] = sorted(folders), []
            split = next((_SPLITS[part.lower()] for part in parts if part.lower() in _SPLITS), "train")
            entries += [
                Entry(
                    Path(root, scan),
                    f"{split}-{parts[-1]}-{scan}",
                    "non-covid" if label.group(1) else "covid",
                    split,
                )
                for scan in scans
            ]
    if not entries:
        raise InputError(f"{folder}: no scans; expected train/ and val/, in each covid/ and non-covid/ of folders.")
    return sorted(entries, key=lambda entry: (entry.split, entry.label, entry.scan))
