"""Bundle and scan in, `Diagnosis` out."""

from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.system import System, load

__all__ = ["Diagnosis", "System", "load"]
