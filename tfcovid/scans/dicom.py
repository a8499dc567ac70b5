"""A DICOM series: its files in, its voxels and where they lie out."""

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.progress import with_progress
from tfcovid.scans.checks import HU_FLOOR, looks_like_hu
from tfcovid.scans.codecs import decode_frame
from tfcovid.scans.dicom_elements import TruncatedError
from tfcovid.scans.dicom_header import DicomSlice, read_header
from tfcovid.scans.dicom_series import choose_series
from tfcovid.scans.dicom_stack import stack
from tfcovid.scans.finding import Finding, found, stop_on_errors
from tfcovid.scans.loaded import Loaded

IDENTITY = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "SeriesDescription",
    "InstitutionName",
    "StudyInstanceUID",
    "SeriesInstanceUID",
]
TISSUE = (-1000, 3000)  # HU between which a padding value would hide real tissue


def read_dicom(
    path: Path, files: list[Path], series: str | None, allow: frozenset[str], identity: bool, progress: bool
) -> Loaded:
    """The values, int16 HU of at least -1024 in (slices along the normal, rows, columns), of the series in `files`.

    Raises InputError for faults not allowed, before any pixel is decoded.
    """
    slices, findings = _read_headers(files)
    if not slices:
        stop_on_errors(path, findings, allow)
        raise InputError(f"{path}: none of its {len(files)} DICOM files holds an image. Give a CT series. Got: {path}")
    slices, noticed = choose_series(slices, series, path)
    findings += noticed
    slices, affine, noticed = stack(slices)
    findings += noticed
    stop_on_errors(path, findings, allow)

    turned = _is_inverted(slices)
    if turned:
        findings.append(found("inverted-pixels", "They are stored as MONOCHROME1 and make sense only turned round."))
    values = np.empty((len(slices), *slices[0].file.shape), np.int16)
    lowest, odd = np.empty(len(slices)), np.zeros(len(slices), bool)

    def decode(index: int) -> None:
        lowest[index], odd[index] = _to_hu(slices[index], turned, values[index])

    with ThreadPoolExecutor(cpu_count()) as pool:
        for _ in with_progress(pool.map(decode, range(len(slices))), len(slices), "Reading slices", progress):
            pass
    if odd.any():
        findings.append(
            found("odd-padding", f"The padding value of {odd.sum()} slices is one that tissue has, and is not outside.")
        )
    first = slices[0].file
    return Loaded(
        values,
        affine,
        slices_first=True,
        sources=list(dict.fromkeys(slice_.file.path for slice_ in slices)),
        findings=findings,
        padded=bool(lowest.min() < HU_FLOOR),
        uid=first.series or None,
        identity=_identity(first.path) if identity else {},
    )


def _identity(path: Path) -> dict[str, str]:
    """Who and when, in the file's own character set."""
    import pydicom

    dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    return {name: str(dataset[name].value) for name in IDENTITY if dataset.get(name)}


def _read_headers(files: list[Path]) -> tuple[list[DicomSlice], list[Finding]]:
    slices, findings, others, cut, broken = [], [], [], [], []
    for file in files:
        try:
            inside = read_header(file)
        except TruncatedError:
            cut.append(file.name)
        except (OSError, ValueError, ArithmeticError, struct.error, zlib.error, RecursionError) as error:
            broken.append(f"{file.name} ({error})")
        else:
            slices += inside
            if not inside:
                others.append(file.name)
    if cut:
        findings.append(found("truncated-file", f"{len(cut)} files end before their pixels do.", cut))
    if broken:
        findings.append(found("unreadable-file", f"{len(broken)} files cannot be understood.", broken))
    if others:
        findings.append(found("other-files", f"{len(others)} DICOM files hold no image.", others))
    return slices, findings


def _is_inverted(slices: list[DicomSlice]) -> bool:
    """MONOCHROME1 only says how to show a value, not what it means; some writers turn the values round all the
    same. The middle slice tells: its air is at -1000 one way or the other."""
    middle = slices[len(slices) // 2]
    if not middle.file.monochrome1:
        return False
    plain, turned = (np.empty(middle.file.shape, np.int16) for _ in range(2))
    low = [_to_hu(middle, inverted, out)[0] < HU_FLOOR for inverted, out in ((False, plain), (True, turned))]
    return not looks_like_hu(plain, low[0]) and looks_like_hu(turned, low[1])


def _to_hu(slice_: DicomSlice, inverted: bool, out: np.ndarray) -> tuple[float, bool]:
    """Write a slice's HU into `out`; return its lowest value before clipping, and whether its padding value was left
    alone because it lies among tissue and the corners do not show it."""
    stored = decode_frame(slice_)
    padding, odd = None, False
    if slice_.file.padding is not None:
        start, end = slice_.file.padding
        pad_hu = start * slice_.slope + slice_.intercept
        corners = stored[:: stored.shape[0] - 1 or 1, :: stored.shape[1] - 1 or 1]
        if not TISSUE[0] < pad_hu < TISSUE[1] or ((corners >= start) & (corners <= end)).any():
            padding = (stored >= start) & (stored <= end)
        else:
            odd = bool(((stored >= start) & (stored <= end)).any())
    if inverted:
        # Bitwise not keeps the range: 0..2^n-1 for unsigned values, -2^n..2^n-1 for signed ones.
        stored = ~stored if slice_.file.signed else ((1 << slice_.file.bits_stored) - 1) - stored
    highest, lowest = float(stored.max()), float(stored.min())
    ends = sorted(value * slice_.slope + slice_.intercept for value in (lowest, highest))
    if (
        slice_.slope == 1
        and slice_.intercept.is_integer()
        and min(lowest, *ends) >= -(2**15)
        and max(highest, *ends) < 2**15
    ):
        # Nearly every CT: no intermediate array of 32 bits, a third of the time.
        np.add(stored.astype(np.int16, copy=False), np.int16(slice_.intercept), out=out)
        if ends[0] < HU_FLOOR:
            np.maximum(out, HU_FLOOR, out=out)
    else:
        hu = np.rint(stored * slice_.slope + slice_.intercept)
        np.clip(hu, HU_FLOOR, 2**15 - 1, out=out, casting="unsafe")
    lowest = ends[0]
    if padding is not None and padding.any():
        out[padding] = HU_FLOOR
        lowest = min(lowest, HU_FLOOR - 1.0)
    return lowest, odd
