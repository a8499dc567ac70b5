"""Bundle and scan in, `Diagnosis` out."""

from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.predict_folder import Outcome, predict_folder, scans_to_predict
from tfcovid.inference.system import System, load, shipped_bundles

__all__ = [
    "Diagnosis",
    "Outcome",
    "System",
    "load",
    "predict_folder",
    "scans_to_predict",
    "shipped_bundles",
]
