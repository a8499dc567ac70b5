"""A phantom as a CT series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tfcovid.errors import InputError
from tfcovid.phantom.phantom import Phantom

_INTERCEPT = -1024


def write_dicom(phantom: Phantom, folder: str | Path, *, patient: str | None = None) -> Path:
    """Write one uncompressed file a slice into `folder` and return it.

    Stored values are 12 bits in uint16; HU is value - 1024. File names are shuffled, and instance numbers
    run from head to feet, so a reader has to use positions. Identifiers follow from the phantom and
    `patient` (default: its label and seed): writing twice gives the same files.

    Raises InputError when `folder` already holds files, or when `patient` does not fit a DICOM identifier.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"folder: give a new or empty one, two series must not mix; got {folder}")
    patient = f"{phantom.label}-{phantom.seed}" if patient is None else patient
    if not 0 < len(patient) <= 56 or any(sign in patient for sign in "\\^=\n\r"):
        raise InputError(f"patient: use 1 to 56 characters without \\, ^, = or line breaks; got {patient!r}")
    folder.mkdir(parents=True, exist_ok=True)

    slices, height, width = phantom.hu.shape
    entropy = [patient, phantom.disease, str(phantom.seed), str(phantom.hu.shape), str(phantom.spacing)]
    study, series, frame = (generate_uid(entropy_srcs=[*entropy, part]) for part in ("study", "series", "frame"))
    names = np.random.default_rng(phantom.seed).permutation(slices)
    for k in range(slices):
        dataset = _header(phantom, patient)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.FrameOfReferenceUID = frame
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[*entropy, str(k)])
        dataset.InstanceNumber = slices - k
        z, y, x = phantom.origin
        z += k * phantom.spacing[0]
        dataset.ImagePositionPatient = [_decimal(x), _decimal(y), _decimal(z)]
        dataset.SliceLocation = _decimal(z)
        dataset.Rows, dataset.Columns = height, width
        stored = phantom.hu[k].astype(np.int32) - _INTERCEPT
        dataset.PixelData = stored.astype("<u2").tobytes()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / f"IM{names[k] + 1:04d}.dcm", enforce_file_format=True)
    return folder


def _decimal(value: float) -> str:
    """A DICOM decimal string, 16 characters at most."""
    return f"{value:.6f}"[:16]


def _header(phantom: Phantom, patient: str) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID = CTImageStorage
    dataset.Modality = "CT"
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.Manufacturer = "tfcovid phantom"
    dataset.StudyDescription = "Synthetic chest CT"
    dataset.SeriesDescription = "Synthetic chest CT, no patient"
    dataset.PatientName = f"Phantom^{patient}"
    dataset.PatientID = patient
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate, dataset.StudyTime = "20200101", "000000"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.StudyID = ""
    dataset.SeriesNumber, dataset.AcquisitionNumber = 1, 1
    dataset.PatientPosition = "HFS"
    dataset.PositionReferenceIndicator = ""
    dataset.BodyPartExamined = "CHEST"
    dataset.KVP = "120"
    dataset.SliceThickness = dataset.SpacingBetweenSlices = _decimal(phantom.spacing[0])
    dataset.PixelSpacing = [_decimal(phantom.spacing[1]), _decimal(phantom.spacing[2])]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = str(_INTERCEPT), "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = "-600", "1500"
    return dataset
