import numpy as np

from tfcovid.data.network_slices import network_slices
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.system import System
from tfcovid.scans import Scan


def all_probabilities(system: System | Ensemble | SegmentationSystem, scan: Scan) -> np.ndarray:
    """Every probability that a system gives of a scan, in one row: of answers, slices and lesions, or of voxels.

    Raises:
        InputError: a scan whose pixels the system cannot read.
    """
    if isinstance(system, Ensemble):
        return np.concatenate([all_probabilities(member, scan) for member in system.members.values()])
    if isinstance(system, SegmentationSystem):
        return np.stack(list(system.probabilities(scan.hu, scan.spacing))).ravel()
    found = system.read(network_slices(scan, system.config, finder=system.finder).hu)
    rows = [found.slice_probabilities, found.lesion_probabilities]
    # Shares of slices change by a whole slice where two labels are as likely.
    if system.config.patient_net.kind != "nonparametric":
        rows.append(found.answers)
    return np.concatenate([one.ravel() for one in rows])
