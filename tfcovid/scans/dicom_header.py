"""One DICOM file's header: where each of its slices lies, and where in the file its pixels are."""

import struct
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tfcovid.scans.dicom_elements import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, DataSet, Elements, TruncatedError

CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
NATIVE = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)


@dataclass(slots=True)
class DicomFile:
    """What all slices of a file share. chunks: for each frame the (offset, length) pieces of the file that hold
    it; `inflated` stands in for the file where the whole data set is deflated."""

    path: Path
    syntax: str
    shape: tuple[int, int]
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    samples: int
    monochrome1: bool
    padding: tuple[int, int] | None
    chunks: list[list[tuple[int, int]]]
    inflated: bytes | None
    sop: str
    series: str
    patient: str
    modality: str
    sop_class: str
    localiser: bool
    body_part: str
    series_number: int


@dataclass(slots=True)
class DicomSlice:
    """One frame of a file. position: LPS+ mm. axes: (3, 3) unit vectors along a row, along a column and square to
    both; `oriented` says whether the header gives them. spacing: (between rows, between columns) mm.
    gap: mm, the header's own word on the distance of slices, used only where there is one slice."""

    file: DicomFile
    frame: int
    position: np.ndarray | None
    axes: np.ndarray
    oriented: bool
    spacing: tuple[float, float] | None
    slope: float
    intercept: float
    gap: float
    number: int

    @property
    def normal(self) -> np.ndarray:
        return self.axes[2]


@lru_cache(maxsize=64)  # a series has one orientation
def _axes(cosines: tuple[float, ...]) -> np.ndarray:
    axes = np.reshape(cosines, (2, 3))
    normal = np.cross(*axes)
    if not np.linalg.norm(normal) > 0.5:
        raise ValueError(f"its image orientation is not that of a plane: {cosines}")
    axes = np.vstack([axes, normal])
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def read_header(path: Path) -> list[DicomSlice]:
    """The slices in a DICOM file; none if it holds no image.

    Raises TruncatedError where the file is too short for its pixels, ValueError where it is broken.
    """
    dataset = DataSet(path)
    header = dataset.elements
    if not header.whole("Rows") or dataset.pixels is None:
        if header.whole("Rows") or header.text("SOPClassUID") in (*CT_CLASSES, ""):
            raise TruncatedError
        return []
    frames = int(header.number("NumberOfFrames") or 1)
    chunks = _native_chunks(dataset, frames) if dataset.syntax in NATIVE else _encapsulated_chunks(dataset, frames)
    shared = _describe(path, header, dataset.syntax, chunks, dataset.inflated)
    return [_slice(shared, header, frame) for frame in range(frames)]


def _native_chunks(dataset: DataSet, frames: int) -> list[list[tuple[int, int]]]:
    header, (start, length) = dataset.elements, dataset.pixels
    pixels = header.whole("Rows") * header.whole("Columns") * header.whole("SamplesPerPixel", 1)
    size = pixels * header.whole("BitsAllocated") // 8
    if length < frames * size:
        raise TruncatedError
    return [[(start + frame * size, size)] for frame in range(frames)]


def _encapsulated_chunks(dataset: DataSet, frames: int) -> list[list[tuple[int, int]]]:
    """The fragments that hold each frame (DICOM PS3.5 A.4)."""
    pieces = dataset.fragments[1:]
    if len(pieces) < frames:
        raise TruncatedError
    if frames == 1:
        return [pieces]
    if len(pieces) == frames:
        return [[piece] for piece in pieces]
    # Several fragments a frame: the offset table says which one each frame starts with.
    if len(dataset.offset_table) != 4 * frames:
        raise ValueError("its frames are in several fragments and no table says where each starts")
    starts = struct.unpack(f"<{frames}I", dataset.offset_table)
    gathered: list[list[tuple[int, int]]] = [[] for _ in starts]
    for at, length in pieces:
        gathered[bisect_right(starts, at - pieces[0][0]) - 1].append((at, length))
    return gathered


def _describe(path: Path, header: Elements, syntax: str, chunks: list, inflated: bytes | None) -> DicomFile:
    stored = header.whole("BitsStored") or header.whole("BitsAllocated")
    high_bit = header.whole("HighBit", stored - 1)
    if not header.whole("Columns"):
        raise ValueError("its slices have no columns")
    if not stored - 1 <= high_bit < header.whole("BitsAllocated"):
        raise ValueError(f"bits stored {stored} and high bit {high_bit} do not fit the bits allocated")
    kind = header.text("ImageType").upper()
    words = (header.text(name) for name in ("BodyPartExamined", "ProtocolName", "SeriesDescription"))
    return DicomFile(
        path=path,
        syntax=syntax,
        shape=(header.whole("Rows"), header.whole("Columns")),
        bits_allocated=header.whole("BitsAllocated"),
        bits_stored=stored,
        high_bit=high_bit,
        signed=bool(header.whole("PixelRepresentation")),
        samples=header.whole("SamplesPerPixel", 1),
        monochrome1=header.text("PhotometricInterpretation") == "MONOCHROME1",
        padding=_padding(header),
        chunks=chunks,
        inflated=inflated,
        sop=header.text("SOPInstanceUID") or str(path),
        series=header.text("SeriesInstanceUID"),
        patient=header.text("PatientID"),
        modality=header.text("Modality"),
        sop_class=header.text("SOPClassUID"),
        localiser="LOCALIZER" in kind or "SCOUT" in kind,
        body_part=" ".join(words).upper(),
        series_number=int(header.number("SeriesNumber")),
    )


def _padding(header: Elements) -> tuple[int, int] | None:
    """The stored values, from and to, that stand for "no pixel here"."""
    if (value := header.whole("PixelPaddingValue", -1)) < 0:
        return None
    ends = [value, header.whole("PixelPaddingRangeLimit", value)]
    if header.whole("PixelRepresentation"):
        # Writers mix up the sign of this tag: give it that of the pixels.
        ends = [end - 0x10000 if end >= 0x8000 else end for end in ends]
    return min(ends), max(ends)


def _slice(shared: DicomFile, header: Elements, frame: int) -> DicomSlice:
    """A slice's own fields, from the functional groups of an enhanced file or from the top of a plain one."""
    numbers = _grouped(header, frame)
    position = numbers("PlanePosition", "ImagePositionPatient")
    cosines = numbers("PlaneOrientation", "ImageOrientationPatient")
    spacing = numbers("PixelMeasures", "PixelSpacing")
    slope = numbers("PixelValueTransformation", "RescaleSlope")
    intercept = numbers("PixelValueTransformation", "RescaleIntercept")
    gap = numbers("PixelMeasures", "SpacingBetweenSlices") or numbers("PixelMeasures", "SliceThickness")
    return DicomSlice(
        file=shared,
        frame=frame,
        position=np.array(position) if len(position) == 3 else None,
        axes=_axes(tuple(cosines) if len(cosines) == 6 else UPRIGHT),
        oriented=len(cosines) == 6,
        spacing=tuple(spacing) if len(spacing) == 2 and min(spacing) > 0 else None,
        slope=slope[0] if slope else 1.0,
        intercept=intercept[0] if intercept else 0.0,
        gap=abs(gap[0]) if gap else 0.0,
        number=int(header.number("InstanceNumber")) + frame,
    )


def _grouped(header: Elements, frame: int) -> Callable[[str, str], list[float]]:
    """A lookup of a field's numbers: this frame's functional group first, then the shared one, then the top."""
    shared = header.items("SharedFunctionalGroupsSequence")[:1]
    own = header.items("PerFrameFunctionalGroupsSequence")[frame : frame + 1]
    if not shared and not own:
        return lambda _, keyword: header.numbers(keyword)

    def numbers(group: str, keyword: str) -> list[float]:
        for level in (*own, *shared):
            for macro in level.items(f"{group}Sequence")[:1]:
                if found := macro.numbers(keyword):
                    return found
        return header.numbers(keyword)

    return numbers
