"""NRRD and MetaImage files, through SimpleITK."""

from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans.loaded import Loaded

READERS = {"nrrd": "NrrdImageIO", "metaimage": "MetaImageIO"}


def read_itk(path: Path, kind: str) -> Loaded:
    """The values along ITK's index (i, j, k) of an NRRD ("nrrd") or MHA/MHD ("metaimage") file.

    Raises InputError if SimpleITK is absent, for a damaged file and for anything but one 3-D grey volume.
    """
    try:
        import SimpleITK
    except ImportError as error:
        raise InputError(
            f"{path}: NRRD and MHA files are read through SimpleITK; install it with `pip install tfcovid[itk]`. "
            f"Got: {error}"
        ) from error
    try:
        image = SimpleITK.ReadImage(str(path), imageIO=READERS[kind])
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(
            f"{path}: truncated-file: the {kind} file is damaged or cut short, or its data file is not beside it. "
            f"Copy it again. Got: {reason}"
        ) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{path}: a scan has three axes (i, j, k) and one value a voxel. "
            f"Got: {image.GetNumberOfComponentsPerPixel()} values, size {image.GetSize()}"
        )
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Loaded(SimpleITK.GetArrayFromImage(image).transpose(), affine, slices_first=False, sources=[path])
