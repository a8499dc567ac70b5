"""A small made-up chest, and DICOM series of it."""

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

SPACING = (2.5, 0.75, 0.625)  # slice, row, column, mm
ORIGIN = (-20.0, -15.5, 100.25)
SERIES = "1.2.826.0.1.3680043.10.1"


def chest(slices: int = 12, height: int = 40, width: int = 48) -> np.ndarray:
    """(slices, height, width) int16 HU with air, lungs, a spine behind and noise that makes every slice its own."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (slices, height, width)), indexing="ij")
    hu = np.full(z.shape, -1000.0)
    hu[x**2 / 0.8 + y**2 / 0.5 < 1] = 40
    for side in (-1, 1):
        hu[(x - side * 0.4) ** 2 / 0.07 + y**2 / 0.2 < 1] = -850
    hu[x**2 / 0.02 + (y - 0.5) ** 2 / 0.02 < 1] = 500
    hu[z + x > 1.5] += 30
    noise = np.random.default_rng(7).integers(-20, 21, hu.shape)
    return (hu + noise).astype(np.int16)


def canonical_affine(spacing=SPACING, origin=ORIGIN) -> np.ndarray:
    affine = np.diag([*spacing[::-1], 1.0])
    affine[:3, 3] = origin
    return affine


def header(syntax: str = ExplicitVRLittleEndian, **fields) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPClassUID = CTImageStorage
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientName, dataset.PatientID, dataset.StudyDate = "Planted^Name", "PLANTED-77", "20200229"
    dataset.SeriesInstanceUID = SERIES
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.RescaleIntercept, dataset.RescaleSlope = 0, 1
    dataset.PixelSpacing = list(SPACING[1:])
    dataset.SliceThickness = 1.0  # not the distance of the slices, on purpose
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    for name, value in fields.items():
        setattr(dataset, name, value)
    return dataset


def write_series(
    folder: Path,
    hu: np.ndarray,
    change: Callable[[Dataset, int], None] | None = None,
    step=(0, 0, SPACING[0]),
    name: str = "{:03d}.dcm",
    uid: str = SERIES,
    **fields,
) -> list[Path]:
    """One uncompressed file a slice; `change` may edit each data set before it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for index, values in enumerate(hu):
        dataset = header(**{"SeriesInstanceUID": uid, **fields})
        dataset.Rows, dataset.Columns = values.shape
        dataset.InstanceNumber = index + 1
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{index + 1}"
        dataset.ImagePositionPatient = [round(o + s * index, 6) for o, s in zip(ORIGIN, step, strict=True)]
        stored = np.rint((values - float(dataset.RescaleIntercept)) / float(dataset.RescaleSlope))
        set_pixels(dataset, stored.astype(np.int64))
        if change:
            change(dataset, index)
        files.append(folder / name.format(index))
        save(dataset, files[-1])
    return files


def set_pixels(dataset: Dataset, stored: np.ndarray) -> None:
    """Pixel Data of the stored values, uncompressed."""
    order = ">" if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<"
    mask = (1 << dataset.BitsStored) - 1
    data = (stored & mask).astype(f"{order}u{dataset.BitsAllocated // 8}").tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW"


def compress(dataset: Dataset, encode: Callable[[np.ndarray], bytes], syntax: str) -> None:
    """Replace the uncompressed pixels of a one-frame data set by encoded ones."""
    kind = np.dtype(f"u{dataset.BitsAllocated // 8}")
    values = np.frombuffer(dataset.PixelData, kind)[: dataset.Rows * dataset.Columns]
    if syntax == RLELossless:
        sign, dataset.PixelRepresentation = dataset.PixelRepresentation, 0  # pydicom insists that the dtypes agree
        dataset.compress(RLELossless, values.reshape(dataset.Rows, dataset.Columns), generate_instance_uid=False)
        dataset.PixelRepresentation = sign
        return
    dataset.PixelData = encapsulate([encode(values.reshape(dataset.Rows, dataset.Columns))])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax


def write_enhanced(path: Path, hu: np.ndarray, encoded: bool = False) -> Path:
    """One multi-frame file; positions, orientation and rescale lie in its functional groups. Frames out of order."""
    dataset = header(SOPClassUID=EnhancedCTImageStorage, SOPInstanceUID=f"{SERIES}.1", NumberOfFrames=len(hu))
    dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.Rows, dataset.Columns = hu.shape[1:]
    for name in ("PixelSpacing", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept", "SliceThickness"):
        delattr(dataset, name)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = list(SPACING[1:])
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames, order = [], np.roll(np.arange(len(hu)), 3)
    for index in order:
        groups, position, values = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + SPACING[0] * int(index)]
        values.RescaleIntercept, values.RescaleSlope = -int(index), 1  # each frame its own
        groups.PlanePositionSequence, groups.PixelValueTransformationSequence = [position], [values]
        frames.append(groups)
    dataset.PerFrameFunctionalGroupsSequence = frames
    stored = (hu + np.arange(len(hu), dtype=np.int16)[:, None, None])[order]
    if encoded:
        dataset.PixelData = encapsulate([imagecodecs.jpegls_encode(frame.view(np.uint16)) for frame in stored])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.80"
    else:
        set_pixels(dataset, stored.astype(np.int64))
    save(dataset, path)
    return path


def save(dataset: Dataset, path: Path) -> None:
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.save_as(
        path,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
