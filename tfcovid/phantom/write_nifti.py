"""A phantom as NIfTI volumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from tfcovid.errors import InputError
from tfcovid.phantom.phantom import Phantom

_PARTS = {"ct": "hu", "lungs": "lungs", "lesions": "lesions"}


def write_nifti(phantom: Phantom, folder: str | Path, *, parts: Sequence[str] = tuple(_PARTS)) -> Path:
    """Write ct.nii.gz (int16 HU), lungs.nii.gz and lesions.nii.gz (uint8) into `folder` and return it.

    All share one lattice, that of the series `write_dicom` makes. `parts` picks some of the three. Raises
    InputError for another part.
    """
    if unknown := set(parts) - set(_PARTS):
        raise InputError(f"parts: use {', '.join(_PARTS)}; got {', '.join(map(repr, sorted(unknown)))}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    z, y, x = phantom.origin
    step_z, step_y, step_x = phantom.spacing
    # The phantom counts towards left, back and head; NIfTI's world counts towards right, front and head.
    affine = np.diag([-step_x, -step_y, step_z, 1.0])
    affine[:3, 3] = -x, -y, z
    for part in parts:
        image = nib.Nifti1Image(getattr(phantom, _PARTS[part]).transpose(2, 1, 0), affine)
        image.header.set_xyzt_units("mm")
        image.set_qform(affine, code=1)
        image.set_sform(affine, code=1)
        nib.save(image, folder / f"{part}.nii.gz")
    return folder
