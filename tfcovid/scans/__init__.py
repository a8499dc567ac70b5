"""A CT on disk <-> a Scan in memory.

>>> scan = read_scan("a folder of DICOM")
>>> write_nifti(scan.hu > -600, "dense.nii.gz", like=scan)
"""

from tfcovid.scans.find_scans import find_scans
from tfcovid.scans.finding import CHECKS, Finding
from tfcovid.scans.read import read_scan
from tfcovid.scans.scan import Scan
from tfcovid.scans.write_nifti import write_nifti

__all__ = ["CHECKS", "Finding", "Scan", "find_scans", "read_scan", "write_nifti"]
