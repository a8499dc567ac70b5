"""From the bytes of a DICOM frame to its stored values, through imagecodecs."""

from collections.abc import Callable

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans.dicom_elements import BIG_ENDIAN
from tfcovid.scans.dicom_header import NATIVE, DicomSlice

# Transfer syntax: the function of imagecodecs that decodes it. jpeg8 is libjpeg-turbo, which of the four
# lossless JPEG decoders there is the fastest (1.9 ms for 512 x 512; the others take 2.1 to 4.7).
CODECS = {
    "1.2.840.10008.1.2.5": "dicomrle_decode",
    "1.2.840.10008.1.2.4.50": "jpeg8_decode",  # baseline
    "1.2.840.10008.1.2.4.51": "jpeg8_decode",  # extended, 12 bits
    "1.2.840.10008.1.2.4.57": "jpeg8_decode",  # lossless, process 14
    "1.2.840.10008.1.2.4.70": "jpeg8_decode",  # lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": "jpegls_decode",
    "1.2.840.10008.1.2.4.81": "jpegls_decode",
    "1.2.840.10008.1.2.4.90": "jpeg2k_decode",
    "1.2.840.10008.1.2.4.91": "jpeg2k_decode",
    "1.2.840.10008.1.2.4.201": "htj2k_decode",
    "1.2.840.10008.1.2.4.202": "htj2k_decode",
    "1.2.840.10008.1.2.4.203": "htj2k_decode",
}


def decode_frame(slice_: DicomSlice) -> np.ndarray:
    """The stored values of a slice: (rows, columns), uint8, int8, uint16, int16, uint32 or int32.

    Raises InputError, naming the file, for an unknown transfer syntax, colour, a frame that will not decode or one
    of another size than the header says.
    """
    file = slice_.file
    if file.samples != 1 or file.bits_allocated not in (8, 16, 32):
        raise InputError(
            f"{file.path}: a CT slice has one grey sample of 8, 16 or 32 bits a pixel; this looks like a screenshot "
            f"or a report. Leave the file out. Got: {file.samples} samples of {file.bits_allocated} bits"
        )
    data = _read_chunks(slice_)
    if file.syntax in NATIVE:
        kind = f"{'>' if file.syntax == BIG_ENDIAN else '<'}u{file.bits_allocated // 8}"
        values = np.frombuffer(data, kind).astype(kind[1:], copy=False).reshape(file.shape)
    else:
        values = _decode(data, slice_)
    return _signed(values, slice_)


def _read_chunks(slice_: DicomSlice) -> bytes:
    chunks = slice_.file.chunks[slice_.frame]
    if slice_.file.inflated is not None:
        return b"".join(slice_.file.inflated[start : start + length] for start, length in chunks)
    with slice_.file.path.open("rb") as file:
        pieces = []
        for start, length in chunks:
            file.seek(start)
            pieces.append(file.read(length))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _decode(data: bytes, slice_: DicomSlice) -> np.ndarray:
    file = slice_.file
    decoder = _decoder(slice_)
    try:
        if CODECS[file.syntax] == "dicomrle_decode":
            kind = np.dtype(f"<u{file.bits_allocated // 8}")
            values = np.frombuffer(decoder(data, dtype=kind), kind).reshape(file.shape)
        else:
            values = decoder(data)
    except Exception as error:
        raise InputError(
            f"{file.path}: its pixels cannot be decoded, the file is damaged. Copy it again from its source. "
            f"Got: {error}"
        ) from error
    if values.shape != file.shape:
        raise InputError(
            f"{file.path}: its pixels do not have the size its header states. Copy it again from its source. "
            f"Got: {values.shape} for {file.shape}"
        )
    return values


def _decoder(slice_: DicomSlice) -> Callable:
    import imagecodecs

    if slice_.file.syntax not in CODECS:
        raise InputError(
            f"{slice_.file.path}: its transfer syntax is not one that CT uses. Convert the series, for instance with "
            f"`gdcmconv --raw`. Got: {slice_.file.syntax}"
        )
    return getattr(imagecodecs, CODECS[slice_.file.syntax])


def _signed(values: np.ndarray, slice_: DicomSlice) -> np.ndarray:
    """Only the stored bits, with the sign the header gives them: what lies above them may be an overlay, and a
    codec knows neither."""
    file = slice_.file
    if values.itemsize * 8 < file.bits_stored:  # a codestream of fewer bits than the header announces
        values = values.astype(np.int16 if values.dtype.kind == "i" else np.uint16)
    bits = 8 * values.itemsize
    unsigned, signed = np.dtype(f"u{values.itemsize}"), np.dtype(f"i{values.itemsize}")
    unused = bits - file.bits_stored
    above = bits - 1 - file.high_bit if file.syntax in NATIVE else unused
    values = values.view(unsigned)
    if unused == 0:
        return values.view(signed) if file.signed else values
    if file.signed:
        return (values << above).view(signed) >> unused
    return (values << above) >> unused if above != unused or values.max() >> file.bits_stored else values
