"""Bundle and scan in, `Diagnosis` out."""

from tfcovid.inference.bundles import find_bundle, shipped_bundles
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.ensemble import Ensemble, write_ensemble
from tfcovid.inference.load import load
from tfcovid.inference.predict_folder import Outcome, predict_folder, scans_to_predict
from tfcovid.inference.system import System

__all__ = [
    "Diagnosis",
    "Ensemble",
    "Outcome",
    "System",
    "find_bundle",
    "load",
    "predict_folder",
    "scans_to_predict",
    "shipped_bundles",
    "write_ensemble",
]
