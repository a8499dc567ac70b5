"""The figure of a diagnosis."""

from typing import TYPE_CHECKING

import cv2
import numpy as np
from matplotlib.figure import Figure

from tfcovid.preprocess import window
from tfcovid.report.heat_colours import heat_overlay
from tfcovid.report.rounded import rounded
from tfcovid.report.side_marks import side_marks
from tfcovid.report.wording import Wording

if TYPE_CHECKING:
    from tfcovid.inference.diagnosis import Diagnosis

_EVERY = 5
_COLUMNS = 10  # at most
_TILE_WIDTH = 160  # pixels of a slice in the figure
_GAP = 6


def draw(diagnosis: "Diagnosis") -> Figure:
    """Every fifth slice, its lesion map beneath with the call of the slice, and the scan's probabilities.

    After figures 11 and 12 of M3Lung-Sys. Slices run from head to feet, in the box the network read; the patient's
    right is on the left. The map's colours run from 0 to 1 on every figure, so that two scans can be compared.
    """
    shown = list(range(0, len(diagnosis.slices.index), _EVERY))[::-1]
    rows = -(-len(shown) // _COLUMNS)
    columns = -(-len(shown) // rows)
    has_map = diagnosis.small_map is not None
    tile = _tile_height(diagnosis), _TILE_WIDTH
    pitch = (tile[0] * (2 if has_map else 1) + 2 * _GAP, tile[1] + _GAP)
    # Red, green, blue and opacity in bytes: matplotlib takes several times as long over any other form.
    canvas = np.full((rows * pitch[0], columns * pitch[1], 4), 255, np.uint8)
    corners = [(place // columns * pitch[0], place % columns * pitch[1]) for place in range(len(shown))]
    for (top, left), n in zip(corners, shown, strict=True):
        pictures = np.concatenate(_tiles(diagnosis, n, tile))
        canvas[top : top + len(pictures), left : left + tile[1], :3] = np.rint(255 * pictures)

    width, height = max(canvas.shape[1] / 100 + 0.2, 9.0), canvas.shape[0] / 100
    bars = 0.55 + 0.24 * len(diagnosis.labels)
    total = height + bars + 1.0
    figure = Figure(figsize=(width, total), dpi=100)
    figure.text(0.1 / width, 1 - 0.36 / total, diagnosis.label, fontsize=16, weight="bold", parse_math=False)
    slices = len(diagnosis.slices.index)
    what = f"scan {diagnosis.scan.key}: "
    what += f"every {_EVERY}th of {slices} slices, head to feet" if slices > 1 else "its only slice"
    words, calls = Wording.of(diagnosis), diagnosis.slice_calls
    what += f", {words.map[0].lower()}{words.map[1:]} beneath with the call of the slice" if has_map else ""
    figure.text(0.1 / width, 1 - 0.62 / total, what, fontsize=9, parse_math=False)
    axes = figure.add_axes((0.1 / width, (bars + 0.3) / total, canvas.shape[1] / 100 / width, height / total))
    axes.imshow(canvas, interpolation="nearest")
    axes.axis("off")
    mark = {"color": "white", "fontsize": 7, "bbox": {"facecolor": "black", "alpha": 0.55, "pad": 1, "linewidth": 0}}
    mark["parse_math"] = False  # a label is no formula
    sides = (0, "left"), (tile[1], "right")
    for (top, left), n in zip(corners, shown, strict=True):
        axes.text(left + 4, top + 12, str(diagnosis.slices.index[n]), **mark)
        below = top + (tile[0] if has_map else 0)
        axes.text(left + tile[1] - 4, below + 12, calls[n], ha="right", **mark)
        for side, (at, edge) in zip(side_marks(diagnosis.scan), sides, strict=True):
            inwards = 4 if edge == "left" else -4
            axes.text(left + at + inwards, top + tile[0] / 2, side, ha=edge, va="center", **mark)
    _bars(figure, diagnosis, words, bars, total)
    figure.text(0.01, 0.08 / total, diagnosis.notice, fontsize=8, color="#555555", parse_math=False)
    return figure


def _grey_window(diagnosis: "Diagnosis") -> tuple[float, float]:
    """Centre and width, HU, of the window in the middle of those the network looked through."""
    settings = diagnosis.settings["window"]
    return float(np.median(settings["predict"])), settings["width"]


def _tile_height(diagnosis: "Diagnosis") -> int:
    """Pixels that the box of most slices needs at the width of a tile."""
    top, left, bottom, right = diagnosis.slices.boxes.T
    shape = (bottom - top) * diagnosis.scan.spacing[1] / ((right - left) * diagnosis.scan.spacing[2])
    return round(_TILE_WIDTH * float(np.clip(np.median(shape), 0.4, 1.2)))


def _tiles(diagnosis: "Diagnosis", n: int, tile: tuple[int, int]) -> list[np.ndarray]:
    """A slice's box as grey and, where there is one, with the lesion map over it; `(height, width, 3)` in [0, 1]."""
    top, left, bottom, right = diagnosis.slices.boxes[n]
    pixels = diagnosis.scan.voxels[diagnosis.slices.index[n], top:bottom, left:right]
    grey = pixels / np.float32(255) if diagnosis.scan.units == "8-bit" else window(pixels, *_grey_window(diagnosis))
    spacing = diagnosis.scan.spacing[1] / diagnosis.scan.spacing[2]
    grey = np.repeat(_fit(grey, spacing, tile)[..., None], 3, axis=-1)
    if diagnosis.small_map is None:
        return [grey]
    heat = _fit(diagnosis.lesion_map_of(diagnosis.slices.index[n])[top:bottom, left:right], spacing, tile)
    return [grey, heat_overlay(grey[..., 0], heat)]


def _fit(image: np.ndarray, row_over_column: float, tile: tuple[int, int]) -> np.ndarray:
    """Scaled into a tile without distortion, on black."""
    height, width = image.shape[0] * row_over_column, image.shape[1]
    scale = min(tile[0] / height, tile[1] / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    fitted = np.zeros(tile, np.float32)
    top, left = (tile[0] - size[1]) // 2, (tile[1] - size[0]) // 2
    fitted[top : top + size[1], left : left + size[0]] = cv2.resize(
        image.astype(np.float32), size, interpolation=cv2.INTER_AREA
    )
    return fitted


def _bars(figure: Figure, diagnosis: "Diagnosis", words: Wording, height: float, total: float) -> None:
    labels, values = list(diagnosis.probabilities), list(diagnosis.probabilities.values())
    width = min(0.5, 5.0 / figure.get_figwidth())
    axes = figure.add_axes((1.1 / figure.get_figwidth(), 0.3 / total, width, (height - 0.3) / total))
    colours = ["#b3431f" if label == diagnosis.label else "#9aa5ad" for label in labels]
    axes.barh(range(len(labels)), values, color=colours)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_title(". ".join(filter(None, (words.measure, words.rule))), fontsize=8, loc="left", parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=9, length=0)
    for row, value in enumerate(values):
        inside = value > 0.85
        axes.text(
            value + (-0.01 if inside else 0.01),
            row,
            rounded(value),
            va="center",
            ha="right" if inside else "left",
            fontsize=9,
            color="white" if inside else "black",
        )
