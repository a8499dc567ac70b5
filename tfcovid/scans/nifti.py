"""A NIfTI file (.nii, .nii.gz, NIfTI-1 or -2), by content and not by name."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans.finding import found
from tfcovid.scans.loaded import Loaded
from tfcovid.scans.orientation import LPS_TO_RAS


def read_nifti(path: Path) -> Loaded:
    """The values along the file's (i, j, k), scaled by its slope and intercept. No text of the header is kept.

    Raises InputError for a damaged file and for anything but one 3-D volume.
    """
    import nibabel

    data = path.read_bytes()
    try:
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        kind = nibabel.Nifti2Image if data[4:8] == b"n+2\0" else nibabel.Nifti1Image
        image = kind.from_bytes(data)
        values = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error, nibabel.spatialimages.HeaderDataError) as error:
        raise InputError(
            f"{path}: truncated-file: the NIfTI file is damaged or cut short. Copy it again. Got: {error}"
        ) from error
    shape = values.shape
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3 or values.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: a scan has three axes (i, j, k) and one number a voxel. Got: {values.dtype} of {shape}"
        )
    forms = tuple((matrix, code) for matrix, code in (image.get_sform(coded=True), image.get_qform(coded=True)))
    loaded = Loaded(values, LPS_TO_RAS @ image.affine, slices_first=False, sources=[path], forms=forms)
    (sform, sform_code), (qform, qform_code) = forms
    if not sform_code and not qform_code:
        loaded.findings.append(found("no-orientation", "Neither the sform nor the qform of the NIfTI file is set."))
    elif sform_code and qform_code and not np.allclose(sform, qform, atol=0.01):
        loaded.findings.append(found("forms-differ", "The NIfTI file's sform and qform put it in different places."))
    return loaded
