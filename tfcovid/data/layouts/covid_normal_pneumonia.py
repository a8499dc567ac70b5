import re
from pathlib import Path

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import Entry
from tfcovid.scans.sniff import sniff

_BLOCK = 100
_FOLDERS = {
    "normal": ("Normal_CT", "Normal"),
    "pneumonia": ("pneumonia_CT", "Pneumonia"),
    "covid": ("COVID2_CT", "COVID_CT", "COVID"),
}


def covid_normal_pneumonia(folder: str | Path) -> list[Entry]:
    """COVID-19&Normal&Pneumonia CT Images: one slice a file in `COVID2_CT/`, `Normal_CT/` and `pneumonia_CT/`.

    The set of Res-UNet 3D's triage (2,035, 2,119 and 3,390 slices there). It comes without patient ids. A hundred
    files that follow each other in the natural order of their names stand as one patient, `normal block 0001`, so
    that a split does not part neighbours; whether neighbours are one person is not known, and figures on this set
    are optimistic. Labels: normal, pneumonia, covid.

    Cite: the Kaggle data set anaselmasry/covid19normalpneumonia-ct-images. Licence: none stated with the files; see
    its page on Kaggle.

    Raises:
        InputError: no such folder, or one of the three is not in it.
    """
    entries = []
    for label, names in _FOLDERS.items():
        images = find_folder(folder, *names)
        ordered = sorted((path for path in images.iterdir() if sniff(path) == "image"), key=_natural)
        entries += [Entry(path, f"{label} block {n // _BLOCK + 1:04d}", label) for n, path in enumerate(ordered)]
    return entries


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split("([0-9]+)", path.name.lower())]
