"""The few elements of a DICOM data set that reading a CT takes, by a walk over its bytes (DICOM PS3.5, 7).

pydicom parses every element of every file, 0.5 ms for each slice of a series, a quarter of what decoding its pixels
takes. This walk steps over what is not wanted, in a fifth of that.
"""

import struct
import zlib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

META = {"TransferSyntaxUID": 0x00020010}
TAGS = {
    "ImageType": 0x00080008,
    "SOPClassUID": 0x00080016,
    "SOPInstanceUID": 0x00080018,
    "Modality": 0x00080060,
    "SeriesDescription": 0x0008103E,
    "PatientID": 0x00100020,
    "BodyPartExamined": 0x00180015,
    "SliceThickness": 0x00180050,
    "SpacingBetweenSlices": 0x00180088,
    "ProtocolName": 0x00181030,
    "SeriesInstanceUID": 0x0020000E,
    "SeriesNumber": 0x00200011,
    "InstanceNumber": 0x00200013,
    "ImagePositionPatient": 0x00200032,
    "ImageOrientationPatient": 0x00200037,
    "PlanePositionSequence": 0x00209113,
    "PlaneOrientationSequence": 0x00209116,
    "SamplesPerPixel": 0x00280002,
    "PhotometricInterpretation": 0x00280004,
    "NumberOfFrames": 0x00280008,
    "Rows": 0x00280010,
    "Columns": 0x00280011,
    "PixelSpacing": 0x00280030,
    "BitsAllocated": 0x00280100,
    "BitsStored": 0x00280101,
    "HighBit": 0x00280102,
    "PixelRepresentation": 0x00280103,
    "PixelPaddingValue": 0x00280120,
    "PixelPaddingRangeLimit": 0x00280121,
    "RescaleIntercept": 0x00281052,
    "RescaleSlope": 0x00281053,
    "PixelMeasuresSequence": 0x00289110,
    "PixelValueTransformationSequence": 0x00289145,
    "SharedFunctionalGroupsSequence": 0x52009229,
    "PerFrameFunctionalGroupsSequence": 0x52009230,
}
NAMES = {tag: name for name, tag in (META | TAGS).items()}
PIXELS, ITEM, ITEM_END, SEQUENCE_END = 0x7FE00010, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"


class TruncatedError(Exception):
    """The file ends before its data set does."""


class Elements:
    """A data set's wanted elements as bytes, or as Elements for each item of a sequence, by keyword."""

    def __init__(self, values: dict[str, bytes | list["Elements"]], big_endian: bool):
        self.values = values
        self.big_endian = big_endian

    def text(self, keyword: str) -> str:
        return self.values.get(keyword, b"").decode("latin-1").strip(" \0")

    def numbers(self, keyword: str) -> list[float]:
        text = self.text(keyword)
        return [float(part) for part in text.split("\\")] if text else []

    def number(self, keyword: str) -> float:
        """The first number; 0 if there is none."""
        return (self.numbers(keyword) or [0.0])[0]

    def whole(self, keyword: str, missing: int = 0) -> int:
        """An unsigned 16-bit number."""
        value = self.values.get(keyword)
        return int.from_bytes(value[:2], "big" if self.big_endian else "little") if value else missing

    def items(self, keyword: str) -> list["Elements"]:
        return self.values.get(keyword, [])


class DataSet:
    """A DICOM file's transfer syntax, its wanted elements, and the (offset, length) of its pixels, None where there
    are none. `buffer` holds the offsets: the file itself, or the inflated data set of a deflated one.

    Raises TruncatedError where an element is longer than the file, ValueError where the bytes are no DICOM.
    """

    def __init__(self, path: Path):
        if not path.stat().st_size:
            raise TruncatedError
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as whole:
            buffer, at = whole, 132 if whole[128:132] == b"DICM" else 0
            meta, at = _Walk(buffer, explicit=True, endian="<").elements(at, len(buffer), only_group=2)
            self.syntax = meta.text("TransferSyntaxUID")
            self.inflated = None
            if self.syntax == DEFLATED:
                buffer = self.inflated = zlib.decompressobj(-15).decompress(whole[at:])
                at = 0
            # The encoding shows in the bytes, and some files state another one.
            explicit = buffer[at + 4 : at + 6].isalpha()
            self.syntax = self.syntax or (EXPLICIT if explicit else IMPLICIT)
            walk = _Walk(buffer, explicit, ">" if self.syntax == BIG_ENDIAN else "<")
            self.elements, at = walk.elements(at, len(buffer))
            self.pixels: tuple[int, int] | None = None
            self.fragments: list[tuple[int, int]] = []
            if at + 8 <= len(buffer):
                _, length, at = walk.head(at)
                if length == UNDEFINED:
                    self.fragments = list(walk.fragments(at))
                self.pixels = at, len(buffer) - at
                first = self.fragments[0] if self.fragments else (0, 0)
                self.offset_table = bytes(buffer[first[0] : first[0] + first[1]])


class _Walk:
    def __init__(self, buffer: bytes | mmap, explicit: bool, endian: str):
        self.buffer, self.explicit, self.endian = buffer, explicit, endian
        self.tag_at = struct.Struct(endian + "HH").unpack_from
        self.short_at = struct.Struct(endian + "H").unpack_from
        self.long_at = struct.Struct(endian + "I").unpack_from

    def head(self, at: int) -> tuple[bytes, int, int]:
        """(VR, length, where the value starts) of the element at `at`."""
        vr = self.buffer[at + 4 : at + 6] if self.explicit else b""
        if vr in LONG:
            if at + 12 > len(self.buffer):
                raise TruncatedError
            return vr, self.long_at(self.buffer, at + 8)[0], at + 12
        if vr.isalpha():
            return vr, self.short_at(self.buffer, at + 6)[0], at + 8
        return b"", self.long_at(self.buffer, at + 4)[0], at + 8

    def elements(self, at: int, end: int, only_group: int | None = None, top: bool = True) -> tuple[Elements, int]:
        """The wanted elements from `at` on, and where they stop: at the end, an item's end, the pixels or another
        group."""
        values: dict[str, bytes | list[Elements]] = {}
        while at + 8 <= end:
            group, element = self.tag_at(self.buffer, at)
            tag = group << 16 | element
            if tag == ITEM_END:
                at += 8
                break
            if (top and tag == PIXELS) or (only_group is not None and group != only_group):
                break
            vr, length, start = self.head(at)
            name = NAMES.get(tag)
            if length == UNDEFINED and tag == PIXELS:  # a preview's
                *_, last = self.fragments(start)
                at = sum(last) + 8
            elif length == UNDEFINED or (name and name.endswith("Sequence")):
                # An unknown VR of undefined length holds implicit little endian, whatever is around it.
                inner = self if vr != b"UN" else _Walk(self.buffer, False, "<")
                items, at = inner.sequence(start, end if length == UNDEFINED else start + length)
                if name:
                    values[name] = items
            else:
                at = start + length
                if at > end:
                    raise TruncatedError
                if name:
                    values[name] = self.buffer[start:at]
        return Elements(values, self.endian == ">"), at

    def sequence(self, at: int, end: int) -> tuple[list[Elements], int]:
        items = []
        while at + 8 <= end:
            group, element = self.tag_at(self.buffer, at)
            (length,) = self.long_at(self.buffer, at + 4)
            at += 8
            if (group << 16 | element) == SEQUENCE_END:
                break
            if (group << 16 | element) != ITEM:
                raise ValueError(f"a sequence holds something else than items at byte {at - 8}")
            stop = end if length == UNDEFINED else at + length
            if stop > end:
                raise TruncatedError
            item, at = self.elements(at, stop, top=False)
            items.append(item)
        return items, at

    def fragments(self, at: int) -> Iterator[tuple[int, int]]:
        """The (offset, length) of each item of encapsulated pixels, the offset table first."""
        while at + 8 <= len(self.buffer):
            group, element = self.tag_at(self.buffer, at)
            (length,) = self.long_at(self.buffer, at + 4)
            at += 8
            if (group << 16 | element) == SEQUENCE_END:
                return
            if (group << 16 | element) != ITEM or at + length > len(self.buffer):
                raise TruncatedError
            yield at, length
            at += length
