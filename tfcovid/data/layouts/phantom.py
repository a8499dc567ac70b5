from dataclasses import replace
from pathlib import Path

from tfcovid.data.index import index_class_folders
from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError


def phantom(folder: str | Path) -> list[Entry]:
    """A cohort of `tfcovid phantom FOLDER`: `FOLDER/CLASS/PATIENT`, with its truth in `FOLDER_masks/` beside it.

    Every scan has its masks, `FOLDER_masks/CLASS/PATIENT_lungs.nii.gz` and `PATIENT_lesions.nii.gz`, and the cohort
    one table of slice labels, `slice_labels.csv`. Labels are the names of the class folders.

    Cite: nothing; the scans are synthetic and made by tfcovid. Licence: that of tfcovid.

    Raises:
        InputError: no such folder, no scans in it, or no `slice_labels.csv` in the folder beside it.
    """
    folder = Path(folder).absolute()
    entries = index_class_folders(folder)
    truth = folder.with_name(f"{folder.name}_masks")
    marks = truth / "slice_labels.csv"
    if not marks.is_file():
        raise InputError(f"{folder}: no phantoms; `tfcovid phantom` writes {marks} with them. Received: no such file")
    return [
        replace(
            entry,
            slice_labels=marks,
            lungs=truth / entry.label / f"{entry.patient}_lungs.nii.gz",
            lesions=truth / entry.label / f"{entry.patient}_lesions.nii.gz",
        )
        for entry in entries
    ]
