from pathlib import Path

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError


def covid_19_20(folder: str | Path) -> list[Entry]:
    """COVID-19-20 v2: `Train/volume-covid19-A-0003_ct.nii.gz` and the lesion mask `..._seg.nii.gz` beside it.

    The 199 volumes of `Train/` are listed, without splits. Masks of `Validation/` were never published, so it is
    left out. Label: covid.

    Cite: Roth, Xu, Tor Diez et al., "Rapid artificial intelligence solutions in a pandemic: the COVID-19-20 lung CT
    lesion segmentation challenge", Medical Image Analysis 82 (2022) 102605; scans: An, Xu, Harmon et al., "CT images
    in COVID-19", The Cancer Imaging Archive, doi 10.7937/tcia.2020.gqry-nc81. Licence: CC BY 4.0 for the scans at
    The Cancer Imaging Archive; for the masks see the terms of the challenge.

    Raises:
        InputError: no such folder, or no volumes in it.
    """
    train = find_folder(folder, "Train", needed=False) or Path(folder)
    entries = []
    for scan in sorted(train.glob("*_ct.nii*")):
        stem, suffix = scan.name.split("_ct.nii")
        entries.append(Entry(scan, stem, "covid", lesions=train / f"{stem}_seg.nii{suffix}"))
    if not entries:
        raise InputError(f"{folder}: no volumes; expected Train/volume-covid19-A-0003_ct.nii.gz and the like.")
    return entries
