"""The same scans through SimpleITK and dcm2niix."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import SimpleITK


def through_itk(image: SimpleITK.Image) -> tuple[np.ndarray, np.ndarray]:
    """(voxels, affine) in LPS+ order as SimpleITK itself reorients; HU rounded and cut off at -1024."""
    image = SimpleITK.DICOMOrient(image, "LPS")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.rint(SimpleITK.GetArrayFromImage(image)).clip(-1024, None), affine


def through_dcm2niix(folder: Path, out: Path) -> Path:
    """The NIfTI file that dcm2niix makes of a DICOM folder."""
    converter = Path(sys.executable).with_name("dcm2niix")
    command = [converter, "-b", "n", "-z", "n", "-f", "peer", "-o", out, folder]
    subprocess.run(command, check=True, capture_output=True)
    return out / "peer.nii"
