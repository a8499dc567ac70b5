"""Chest CT in; a diagnosis, masks of lungs and lesions, and a report out. Research use only.

>>> import tfcovid
>>> scan = tfcovid.read_scan("a folder of DICOM")
>>> diagnosis = tfcovid.load("a bundle").predict(scan)
>>> diagnosis.plot("figure.png")
>>> tfcovid.load_segmenter("lungs").segment(scan).save("masks")
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Resolved on first use: importing tfcovid, and `tfcovid --help`, must not import TensorFlow.
_PUBLIC = {
    "InputError": "tfcovid.errors",
    "Scan": "tfcovid.scans",
    "read_scan": "tfcovid.scans",
    "write_nifti": "tfcovid.scans",
    "Clicks": "tfcovid.inference",
    "Diagnosis": "tfcovid.inference",
    "Segmentation": "tfcovid.inference",
    "load": "tfcovid.inference",
    "load_segmenter": "tfcovid.inference",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tfcovid' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
