"""The figure of a diagnosis."""

from typing import TYPE_CHECKING

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfcovid.preprocess import window

if TYPE_CHECKING:
    from tfcovid.inference.diagnosis import Diagnosis

_EVERY = 5
_COLUMNS = 10
_TILE = 160  # pixels of a slice in the figure
_GAP = 6
_COLOURS = "inferno"  # warm is suspicious


def draw(diagnosis: "Diagnosis") -> Figure:
    """Every fifth slice, its lesion map beneath with the call of the slice, and the scan's probabilities.

    After figures 11 and 12 of M3Lung-Sys. Slices run from head to feet, in the box the network read; the patient's
    right is on the left. The map's colours run from 0 to 1 on every figure, so that two scans can be compared.
    """
    shown = list(range(0, len(diagnosis.slices.index), _EVERY))[::-1]
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    has_map = diagnosis.small_map is not None
    pitch = (_TILE + _GAP, (_TILE * (2 if has_map else 1) + 2 * _GAP))
    canvas = np.ones((rows * pitch[1], columns * pitch[0], 3), np.float32)
    for place, n in enumerate(shown):
        top, left = place // columns * pitch[1], place % columns * pitch[0]
        grey, overlay = _tiles(diagnosis, n)
        canvas[top : top + _TILE, left : left + _TILE] = grey
        if has_map:
            canvas[top + _TILE : top + 2 * _TILE, left : left + _TILE] = overlay

    height, width = canvas.shape[0] / 100, max(canvas.shape[1] / 100, 7.0)
    bars = 0.45 + 0.24 * len(diagnosis.labels)
    figure = Figure(figsize=(width, height + bars + 1.0), dpi=100)
    total = figure.get_figheight()
    figure.text(0.01, 1 - 0.36 / total, f"{diagnosis.label}", fontsize=16, weight="bold")
    figure.text(
        0.01,
        1 - 0.62 / total,
        f"scan {diagnosis.scan.key}: every {_EVERY}th of {len(diagnosis.slices.index)} slices, head to feet"
        + (", lesion map beneath with the call of the slice" if has_map else ""),
        fontsize=9,
    )
    axes = figure.add_axes((0, (bars + 0.3) / total, canvas.shape[1] / 100 / width, height / total))
    axes.imshow(np.clip(canvas, 0, 1), interpolation="nearest")
    axes.axis("off")
    for place, n in enumerate(shown):
        top, left = place // columns * pitch[1], place % columns * pitch[0]
        axes.text(left + 4, top + 14, str(diagnosis.slices.index[n]), color="white", fontsize=7)
        call = diagnosis.labels[int(diagnosis.slice_probabilities[n].argmax())]
        below = top + (_TILE if has_map else 0)
        axes.text(left + _TILE - 4, below + 14, call, color="white", fontsize=7, ha="right")
    _bars(figure, diagnosis, bars, total)
    figure.text(0.01, 0.08 / total, "Research use only.", fontsize=8, color="#555555")
    return figure


def _tiles(diagnosis: "Diagnosis", n: int) -> tuple[np.ndarray, np.ndarray | None]:
    """A slice's box as grey, and with the lesion map over it, `(_TILE, _TILE, 3)` in [0, 1]."""
    top, left, bottom, right = diagnosis.slices.boxes[n]
    pixels = diagnosis.scan.voxels[diagnosis.slices.index[n], top:bottom, left:right]
    grey = pixels / np.float32(255) if diagnosis.scan.units == "8-bit" else window(pixels)
    spacing = diagnosis.scan.spacing[1] / diagnosis.scan.spacing[2]
    grey = np.repeat(_fit(grey, spacing)[..., None], 3, axis=-1)
    if diagnosis.small_map is None:
        return grey, None
    heat = _fit(cv2.resize(diagnosis.small_map[n], (right - left, bottom - top)), spacing)
    colour = matplotlib.colormaps[_COLOURS](heat)[..., :3]
    # A cold map leaves the slice to be seen; a warm one covers it by half.
    cover = 0.25 + 0.35 * heat[..., None]
    return grey, (1 - cover) * grey + cover * colour


def _fit(image: np.ndarray, row_over_column: float) -> np.ndarray:
    """Scaled into a tile without distortion, on black."""
    height, width = image.shape[0] * row_over_column, image.shape[1]
    scale = _TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tile = np.zeros((_TILE, _TILE), np.float32)
    top, left = (_TILE - size[1]) // 2, (_TILE - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = cv2.resize(
        image.astype(np.float32), size, interpolation=cv2.INTER_AREA
    )
    return tile


def _bars(figure: Figure, diagnosis: "Diagnosis", height: float, total: float) -> None:
    labels, values = list(diagnosis.probabilities), list(diagnosis.probabilities.values())
    width = min(0.5, 5.0 / figure.get_figwidth())
    axes = figure.add_axes((1.1 / figure.get_figwidth(), 0.3 / total, width, (height - 0.2) / total))
    colours = ["#b3431f" if label == diagnosis.label else "#9aa5ad" for label in labels]
    axes.barh(labels, values, color=colours)
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
            f"{value:.3f}",
            va="center",
            ha="right" if inside else "left",
            fontsize=9,
            color="white" if inside else "black",
        )
