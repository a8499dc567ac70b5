import re
from pathlib import Path

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError


def mosmed(folder: str | Path) -> list[Entry]:
    """MosMedData: `studies/CT-0/study_0001.nii.gz` to `studies/CT-4/`, lesions in `masks/study_0255_mask.nii.gz`.

    CT-0 shows no pneumonia: label healthy. CT-1 to CT-4 show findings of COVID-19 in up to 25, 50, 75 and 100 % of
    the lung: label covid-19, which rests on the CT, not on a test; the grade stays in the path. 50 of the 1,110
    studies, all of CT-1, have masks. A study is a patient.

    Cite: Morozov, Andreychenko, Pavlov et al., "MosMedData: chest CT scans with COVID-19 related findings dataset",
    medRxiv 2020.05.20.20100362. Licence: CC BY-NC-ND 3.0.

    Raises:
        InputError: no such folder, or no studies in it.
    """
    studies = find_folder(folder, "studies")
    masks = find_folder(folder, "masks", needed=False)
    entries = []
    for grade in sorted(path for path in studies.iterdir() if re.fullmatch("CT-[0-4]", path.name)):
        for scan in sorted(grade.glob("*.nii*")):
            study = scan.name.split(".")[0]
            mask = masks / scan.name.replace(study, f"{study}_mask") if masks else None
            entries.append(
                Entry(
                    scan,
                    study,
                    "healthy" if grade.name == "CT-0" else "covid-19",
                    lesions=mask if mask and mask.is_file() else None,
                )
            )
    if not entries:
        raise InputError(f"{studies}: no studies; expected CT-0/study_0001.nii.gz and the like.")
    return entries
