"""A result, written so that it opens exactly over the scan it belongs to."""

from pathlib import Path
from uuid import uuid4

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans.orientation import LPS_TO_RAS
from tfcovid.scans.scan import Scan

DTYPES = (np.uint8, np.int16, np.float32)
SCANNER = 1  # NIfTI's code for scanner-based coordinates


def write_nifti(array: np.ndarray, path: str | Path, like: Scan) -> Path:
    """Write (slices, height, width), canonical, as .nii or .nii.gz in the frame of the file `like` was read from.

    uint8, int16 and float32 are kept, bool becomes uint8. A NIfTI source's sform and qform are written back as they
    were; for any other source both hold its affine, for DICOM on dcm2niix's voxel lattice. The header holds
    no text. The file appears under its name only when it is complete.

    Raises InputError for another dtype, shape or extension, or if the folder does not exist.
    """
    import nibabel

    path, array = Path(path), np.asarray(array)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if array.dtype not in DTYPES or array.ndim != 3:
        raise InputError(
            "A NIfTI result is (slices, height, width) of bool, uint8, int16 or float32; convert it first. "
            f"Got: {array.dtype} of shape {array.shape}"
        )
    suffix = next((end for end in (".nii.gz", ".nii") if path.name.lower().endswith(end)), None)
    if suffix is None or not path.parent.is_dir():
        raise InputError(f"Give a path that ends in .nii or .nii.gz, in a folder that exists. Got: {path}")
    frame = like.frame
    restored, affine = like.restore(array), LPS_TO_RAS @ frame.affine
    if frame.slices_first:
        restored, affine = restored.transpose(2, 1, 0), affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(restored, affine)
    (sform, sform_code), (qform, qform_code) = frame.forms or ((affine, SCANNER), (affine, SCANNER))
    if sform_code or qform_code:
        # A form the source lacked is filled with the other, so that tools that know only one agree.
        sform, sform_code = (sform, sform_code) if sform_code else (qform, qform_code)
        qform, qform_code = (qform, qform_code) if qform_code else (sform, sform_code)
        image.set_sform(sform, int(sform_code))
        image.set_qform(qform, int(qform_code), strip_shears=True)
    else:
        image.set_sform(None)
        image.set_qform(None)
    image.header.set_xyzt_units("mm")
    part = path.with_name(f".{uuid4().hex}{suffix}")
    try:
        nibabel.save(image, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
