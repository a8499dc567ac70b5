import re
from pathlib import Path

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import Entry
from tfcovid.scans.sniff import sniff

# Of the pairs of neighbouring slices that look alike, ends of blocks part 6 % at 50, 4 % at 100 and 0.4 % at 200.
_BLOCK = 100
_FOLDERS = {"covid": ("COVID",), "non-covid": ("non-COVID", "NonCOVID")}


def sars_cov_2_ct(folder: str | Path) -> list[Entry]:
    """SARS-CoV-2 CT (Soares): one slice a file, `COVID/Covid (N).png` and `non-COVID/Non-Covid (N).png`.

    The 2,481 slices of 120 people come without patient ids, and neighbouring numbers are often one person. A hundred
    numbers that follow each other therefore stand as one patient, `covid 0001-0100`, and no split parts them. A
    person at the end of a block may still be in two: figures on this set are optimistic. Labels: covid, non-covid.

    Cite: Soares, Angelov, Biaso, Froes, Abe, "SARS-CoV-2 CT-scan dataset: a large dataset of real patients CT scans
    for SARS-CoV-2 identification", medRxiv 2020.04.24.20078584. Licence: none stated with the files; see its page on
    Kaggle (plameneduardo/sarscov2-ctscan-dataset).

    Raises:
        InputError: no such folder, or one of the two is not in it.
    """
    entries = []
    for label, names in _FOLDERS.items():
        images = find_folder(folder, *names)
        numbered = [
            (int(found[-1]), path)
            for path in images.iterdir()
            if (found := re.findall("[0-9]+", path.stem)) and sniff(path) == "image"
        ]
        for number, path in sorted(numbered):
            first = (number - 1) // _BLOCK * _BLOCK + 1
            entries.append(Entry(path, f"{label} {first:04d}-{first + _BLOCK - 1:04d}", label))
    return entries
