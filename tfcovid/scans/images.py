"""Slices saved as pictures: PNG, JPEG, TIFF."""

import re
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans.checks import HU_FLOOR, looks_like_hu
from tfcovid.scans.finding import Finding, a_few, found
from tfcovid.scans.loaded import Loaded

# Indices along (slice, row, column) to LPS+ mm, one millimetre each.
UNKNOWN = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64)
COLOURED = 24  # grey levels between two channels that JPEG's noise does not explain
COLOURED_SHARE = 0.001
PNG, JPEG = b"\x89PNG", b"\xff\xd8\xff"
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"


def read_images(path: Path, files: list[Path]) -> Loaded:
    """Images stacked in the natural order of their names (2 before 10): uint8 grey levels in
    (slices, rows, columns), or HU where 16-bit values turn out to be.

    Colour becomes brightness, an alpha channel is dropped, a palette is resolved, every page of a TIFF counts.
    Raises InputError for images spread over several folders.
    """
    folders = sorted({file.parent for file in files})
    if len(folders) > 1:
        names = a_few(folder.name for folder in folders)
        raise InputError(f"{path}: images lie in {len(folders)} folders; give one of them. Got: {names}")
    findings = [
        found("no-spacing", "Images do not say how large a pixel is or how far apart slices are; 1 mm was taken."),
        found(
            "no-orientation",
            "Images do not say how the patient lies; the top was taken for the front, the left for the patient's "
            "right, and the order of the names for feet to head.",
        ),
    ]
    pages: list[tuple[Path, np.ndarray]] = []
    cut, broken, coloured = [], [], []
    for file in sorted(files, key=_natural):
        data = file.read_bytes()
        if _is_cut(data):
            cut.append(file.name)
        elif not (inside := _decode(data)):
            broken.append(file.name)
        else:
            for page in inside:
                grey, had_colour = _grey(page)
                pages.append((file, grey))
                coloured += [file.name] * had_colour
    for name, files_of, what in (
        ("truncated-file", cut, "end before their pixels do"),
        ("unreadable-file", broken, "cannot be decoded"),
        ("colour-pixels", coloured, "are in colour"),
    ):
        if files_of:
            findings.append(found(name, f"{len(files_of)} images {what}.", files_of))
    if not pages:
        raise InputError(f"{path}: none of its images can be read. Copy them again. Got: {a_few(cut + broken)}")
    pages = _one_size(pages, findings)
    values, hu = _eight_bit_or_hu(np.stack([grey for _, grey in pages]), findings)
    sources = list(dict.fromkeys(file for file, _ in pages))
    return Loaded(values, UNKNOWN, slices_first=True, sources=sources, findings=findings, hu=hu)


def _natural(file: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"([0-9]+)", file.name.lower())]


def _is_cut(data: bytes) -> bool:
    """A decoder fills the rest of a cut PNG or JPEG with grey and says nothing: look for its end mark."""
    if data.startswith(PNG):
        return b"IEND" not in data
    return data.startswith(JPEG) and data.rfind(JPEG_END) < data.rfind(JPEG_SCAN)


def _decode(data: bytes) -> list[np.ndarray]:
    import cv2

    try:
        # Content decides the decoder, so that a JPEG named .png is read; no EXIF turn, no loss of depth.
        decoded, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return []
    return list(pages) if decoded else []


def _grey(page: np.ndarray) -> tuple[np.ndarray, bool]:
    """(rows, columns) and whether the image was truly in colour."""
    import cv2

    if page.ndim == 2 or page.shape[2] == 1:
        return page.reshape(page.shape[:2]), False
    if page.shape[2] == 2:
        return np.ascontiguousarray(page[..., 0]), False
    bgr = np.ascontiguousarray(page[..., :3])
    spread = bgr.max(-1).astype(np.float32) - bgr.min(-1)
    # Tolerance in 8-bit levels; a 16-bit level is 1/256 of one.
    coloured = bool(np.mean(spread > COLOURED * (256 if page.dtype == np.uint16 else 1)) > COLOURED_SHARE)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), coloured


def _one_size(pages: list[tuple[Path, np.ndarray]], findings: list[Finding]) -> list[tuple[Path, np.ndarray]]:
    groups: dict[tuple, list[tuple[Path, np.ndarray]]] = {}
    for file, grey in pages:
        groups.setdefault((*grey.shape, grey.dtype.name), []).append((file, grey))
    largest = max(groups.values(), key=len)
    if len(groups) > 1:
        sizes = a_few(f"{height} x {width} {depth}" for height, width, depth in groups)
        others = [file.name for group in groups.values() if group is not largest for file, _ in group]
        findings.append(found("mixed-sizes", f"The images are {sizes}; {len(others)} differ from the rest.", others))
    return largest


def _eight_bit_or_hu(values: np.ndarray, findings: list[Finding]) -> tuple[np.ndarray, bool]:
    """8-bit values as they are. Deeper ones by one rule, said in a finding: HU if air lies near -1000, as they are
    or after -1024; otherwise the whole range is spread over 0 to 255."""
    if values.dtype == np.uint8:
        return values, False
    for offset in (0, HU_FLOOR):
        shifted = values.astype(np.float32) + offset
        if looks_like_hu(shifted, bool(shifted.min() < HU_FLOOR)) and shifted.max() < 2**15:
            how = "HU" if offset == 0 else "HU stored with 1024 added"
            findings.append(found("sixteen-bit", f"The images hold {values.dtype} values, taken for {how}."))
            return shifted, True
    low, high = float(values.min()), float(values.max())
    findings.append(
        found("sixteen-bit", f"The images hold {values.dtype} values; {low:.4g} to {high:.4g} became 0 to 255.")
    )
    scaled = (values.astype(np.float32) - low) * (255 / (high - low or 1))
    return np.rint(scaled).astype(np.uint8), False
