import re
from pathlib import Path

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import Entry
from tfcovid.scans.sniff import sniff

_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
_CASE = re.compile("(coronacases|radiopaedia)_([0-9]+)")


def covid_ct_seg_20(folder: str | Path) -> list[Entry]:
    """The 20 segmented COVID-19 CT: volumes with masks of the lungs and of the infection.

    Kaggle's names: `ct_scans/`, `lung_mask/`, `infection_mask/`, where `coronacases_org_001.nii` belongs to
    `coronacases_001.nii` and `radiopaedia_org_covid-19-pneumonia-10_85902_1-dcm.nii` to `radiopaedia_10_85902_1.nii`.
    Zenodo's names: `COVID-19-CT-Seg_20cases/`, `Lung_Mask/`, `Infection_Mask/`. Lung masks hold 1 and 2 for the two
    lungs. Scans of one Radiopaedia case are one patient. Label: covid.

    Cite: Ma, Wang, An et al., "Towards data-efficient learning: a benchmark for COVID-19 CT lung and infection
    segmentation", Medical Physics 48 (2021), doi 10.1002/mp.14676; data doi 10.5281/zenodo.3757476. Licence: CC BY
    4.0 by those who cite the Zenodo record; the scans are from Coronacases and Radiopaedia, which have their own
    terms.

    Raises:
        InputError: no such folder, or no folder of the scans in it.
    """
    scans = find_folder(folder, "ct_scans", "COVID-19-CT-Seg_20cases")
    lungs = find_folder(folder, "lung_mask", needed=False)
    lesions = find_folder(folder, "infection_mask", needed=False)
    entries = []
    for scan in sorted(path for path in scans.iterdir() if sniff(path) == "nifti"):
        suffix = _SUFFIX.search(scan.name)
        stem = scan.name[: suffix.start()] if suffix else scan.stem
        # One name in all folders: without the parts that only the scans of Kaggle have.
        name = stem.replace("_org_covid-19-pneumonia-", "_").replace("_org", "").removesuffix("-dcm")
        case = _CASE.match(name)
        entries.append(
            Entry(
                scan,
                case.group() if case else name,
                "covid",
                lungs=_mask(lungs, name),
                lesions=_mask(lesions, name),
            )
        )
    return entries


def _mask(folder: Path | None, name: str) -> Path | None:
    """The mask of this name; where it is missing, the path where it should be."""
    if folder is None:
        return None
    places = [folder / f"{name}{suffix}" for suffix in (".nii.gz", ".nii")]
    return next((path for path in places if path.exists()), places[0])
