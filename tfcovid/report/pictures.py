"""Slices and what lies over them as pictures for a page, in patient proportions."""

import base64
from functools import cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from tfcovid.preprocess import to_8bit
from tfcovid.report.heat_colours import heat_colours, heat_cover
from tfcovid.scans import Scan

_STEPS = 32  # of the heat map's colours; more only make the files larger


def picture_size(scan: Scan, side: int) -> tuple[int, int]:
    """Width and height in proportion to millimetres, the longer one `side` pixels or, if fewer, as in the scan."""
    rows, columns = scan.shape[1] * scan.spacing[1], scan.shape[2] * scan.spacing[2]
    side = min(side, max(scan.shape[1:]))
    return tuple(max(1, round(side * mm / max(rows, columns))) for mm in (columns, rows))


def grey_jpeg(pixels: np.ndarray, level: tuple[float, float], size: tuple[int, int], share: float) -> bytes:
    """A slice, HU seen through a window or 8-bit as it is, as the best JPEG of at most `share` bytes, or the worst."""
    grey = pixels if pixels.dtype == np.uint8 else to_8bit(pixels, *level)
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    for quality in (85, 70, 55, 40, 25, 10):
        coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(coded) <= share:
            break
    return coded


def heat_png(heat: np.ndarray, size: tuple[int, int]) -> bytes:
    """A map in [0, 1] in colours from nothing at 0 to the warmest at 1, on one scale for every picture."""
    heat = cv2.resize(np.asarray(heat, np.float32), size, interpolation=cv2.INTER_AREA)
    return _palette_png(np.rint(np.clip(heat, 0, 1) * _STEPS).astype(np.uint8), *_heat_palette())


def mask_png(mask: np.ndarray, size: tuple[int, int], colours: np.ndarray, outline: bool = False) -> bytes:
    """Label numbers in their colours, 0 as nothing; filled, or as lines of two pixels within the labels."""
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    if outline:
        inner = np.zeros_like(mask)
        for label in range(1, len(colours)):
            inner |= cv2.erode((mask == label).astype(np.uint8), np.ones((5, 5), np.uint8))
        mask = np.where(inner, 0, mask).astype(np.uint8)
    return _palette_png(mask, colours, np.where(np.arange(len(colours)), 255, 0).astype(np.uint8))


@cache
def _heat_palette() -> list[np.ndarray]:
    values = np.arange(_STEPS + 1) / _STEPS
    return [np.rint(255 * found).astype(np.uint8) for found in (heat_colours(values), heat_cover(values))]


def _palette_png(numbers: np.ndarray, colours: np.ndarray, opacity: np.ndarray) -> bytes:
    """One byte a pixel, which is smaller than four and coded in a fraction of the time."""
    picture, coded = Image.fromarray(numbers), BytesIO()
    picture.putpalette(colours.tobytes())
    picture.save(coded, "PNG", transparency=opacity.tobytes(), compress_level=6)
    return coded.getvalue()


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def data_url(data: bytes) -> str:
    """A picture as the address of an `img`: JPEG, PNG or SVG, told by its first bytes."""
    kind = "jpeg" if data[:2] == b"\xff\xd8" else "png" if data[:4] == b"\x89PNG" else "svg+xml"
    return f"data:image/{kind};base64,{base64_text(data)}"
