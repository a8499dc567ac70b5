"""Public data sets as they lie on disk after download, one a file: a folder in, manifest entries out."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError

# Name -> function, one line of help. Each docstring has the folders, the labels, the citation and the licence.
LAYOUTS = {
    "class-folders": ("tfcovid.data.index.index_class_folders", "LABEL/PATIENT/... of any cohort; default of a folder"),
    "csv": ("tfcovid.data.index.index_table", "a table of scans, patients and labels; default of a file"),
    "cov19-ct-db": ("tfcovid.data.layouts.cov19_ct_db.cov19_ct_db", "COV19-CT-DB: JPEG slices, train and val"),
    "covid-ct": ("tfcovid.data.layouts.covid_ct.covid_ct", "COVID-CT: single slices, official splits"),
    "covid-ct-md": ("tfcovid.data.layouts.covid_ct_md.covid_ct_md", "COVID-CT-MD: DICOM; COVID-19, CAP, normal"),
    "sars-cov-2-ct": ("tfcovid.data.layouts.sars_cov_2_ct.sars_cov_2_ct", "SARS-CoV-2 CT (Soares): single slices"),
    "covid-normal-pneumonia": (
        "tfcovid.data.layouts.covid_normal_pneumonia.covid_normal_pneumonia",
        "COVID-19&Normal&Pneumonia CT Images (Kaggle): single slices",
    ),
    "covid-ct-seg-20": (
        "tfcovid.data.layouts.covid_ct_seg_20.covid_ct_seg_20",
        "20 CT with lung and infection masks (Zenodo, Kaggle)",
    ),
    "covid-19-20": ("tfcovid.data.layouts.covid_19_20.covid_19_20", "COVID-19-20 challenge: CT with lesion masks"),
    "lung-pairs": (
        "tfcovid.data.layouts.lung_pairs.lung_pairs",
        "slices or volumes with lung masks: MedSeg, LungSegDB",
    ),
    "mosmed": ("tfcovid.data.layouts.mosmed.mosmed", "MosMedData: CT-0 to CT-4, 50 lesion masks"),
    "phantom": ("tfcovid.data.layouts.phantom.phantom", "what `tfcovid phantom` writes, with masks and slice labels"),
}


def find_layout(name: str) -> Callable[[Path], list[Entry]]:
    """The function that makes entries of a folder in this layout.

    Raises:
        InputError: no such layout.
    """
    if name not in LAYOUTS:
        raise InputError(f"layouts are {', '.join(LAYOUTS)}. Received: {name}")
    module, function = LAYOUTS[name][0].rsplit(".", 1)
    return getattr(import_module(module), function)
