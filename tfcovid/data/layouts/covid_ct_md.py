from pathlib import Path

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError
from tfcovid.scans import find_scans

_FOLDERS = {
    "healthy": ("Normal subjects", "Normal"),
    "covid-19": ("COVID-19 subjects", "COVID-19"),
    "cap": ("CAP subjects", "CAP"),
}


def covid_ct_md(folder: str | Path) -> list[Entry]:
    """COVID-CT-MD: `COVID-19 subjects/`, `CAP subjects/` and `Normal subjects/`, in each a folder of DICOM a patient.

    Labels: healthy, covid-19, cap. A file `PATIENT_slice_labels.csv` beside a patient's folder (columns `slice`, 0
    at the feet, and `lesion`) is taken as its slice labels. The data set's own come as `Slice-level-labels.npy`, by
    `Index.csv`, in falling order of the slice location, from head to feet, and have to be turned round.

    Cite: Afshar, Heidarian, Enshaei et al., "COVID-CT-MD, COVID-19 computed tomography scan dataset applicable in
    machine learning and deep learning", Scientific Data 8:121 (2021), doi 10.1038/s41597-021-00900-3. Licence: none
    stated in its repository; see its page on Figshare.

    Raises:
        InputError: no such folder, or none of the three in it.
    """
    entries = []
    for label, names in _FOLDERS.items():
        subjects = find_folder(folder, *names, needed=False)
        for subject in sorted(path for path in subjects.iterdir() if path.is_dir()) if subjects else ():
            marks = subjects / f"{subject.name}_slice_labels.csv"
            entries += [
                Entry(scan, subject.name, label, slice_labels=marks if marks.is_file() else None)
                for scan in find_scans(subject) or [subject]
            ]
    if not entries:
        raise InputError(f"{folder}: none of the folders COVID-19 subjects, CAP subjects, Normal subjects in it.")
    return entries
