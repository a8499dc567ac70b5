"""Bundle and scan in, `Diagnosis` out."""

from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.system import System, load, shipped_bundles

__all__ = ["Diagnosis", "System", "load", "shipped_bundles"]
