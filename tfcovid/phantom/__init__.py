"""Synthetic chest CT with truth, for demonstrations, tests and teaching. Not anatomy to diagnose from."""

from tfcovid.phantom.cohort import write_cohort
from tfcovid.phantom.phantom import DISEASES, LABELS, Phantom, make_phantom
from tfcovid.phantom.write_dicom import write_dicom
from tfcovid.phantom.write_nifti import write_nifti

__all__ = ["DISEASES", "LABELS", "Phantom", "make_phantom", "write_cohort", "write_dicom", "write_nifti"]
