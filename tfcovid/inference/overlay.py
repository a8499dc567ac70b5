from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from skimage.measure import find_contours

from tfcovid.errors import InputError
from tfcovid.preprocess import window
from tfcovid.preprocess.bounding_box import bounding_box
from tfcovid.report.mask_colours import mask_colours
from tfcovid.scans import Scan

_TILE = 2.4  # inches of a slice's width
_COLUMNS = 4
_MARGIN = 8  # pixels around the masks
_TRUTH = "#ff3df5"  # seen on lung and on soft tissue, and no colour of a label


def draw_masks(
    scan: Scan,
    masks: np.ndarray,
    labels: Sequence[str],
    *,
    truth: np.ndarray | None = None,
    slices: int = 12,
    level: tuple[float, float] = (-600.0, 1500.0),
    title: str = "",
    notice: str = "Research use only.",
) -> Figure:
    """Slices of a scan with the outlines of masks, and of the truth over them as a dashed line.

    After the figures of "Deep Learning-Based Approach for Diagnosis of COVID-19 Patients from CT Lung Images" (Tran et
    al.): contours, so that what they enclose can be seen. The slices are spread evenly over those with a mask (over
    all where there is none) and run from head to feet, cut to the masks' box; the patient's right is on the left.

    Args:
        masks: (slices, height, width), label numbers; 255 is unlabelled and has no outline.
        labels: their names, the background first.
        truth: label numbers as `masks`.
        slices: at most so many are shown.
        level: centre and width of the window, HU; without effect on 8-bit scans.
        title, notice: lines above and below.

    Raises:
        InputError: masks of another shape than the scan's.
    """
    voxels, spacing = scan.voxels, scan.spacing
    drawn = [masks] if truth is None else [masks, truth]
    for name, one in zip(("masks", "truth"), drawn, strict=False):
        if one.shape != voxels.shape or one.ndim != 3:
            raise InputError(f"The {name} must have the shape of the scan, {voxels.shape}. Received: {one.shape}")
    inside = np.any([(one > 0) & (one < len(labels)) for one in drawn], axis=0)
    shown = _spread(inside.any(axis=(1, 2)), slices)[::-1]
    rows, columns = _box(inside)
    height, width = (rows.stop - rows.start) * spacing[1], (columns.stop - columns.start) * spacing[2]
    across = min(_COLUMNS, len(shown))
    down = -(-len(shown) // across)
    tile = min(_TILE * height / width, 2 * _TILE)
    size = max(across * _TILE, 2 * _TILE) + 0.1, down * tile + 1.05
    figure = Figure(figsize=size, dpi=120)
    figure.text(0.05 / size[0], 1 - 0.25 / size[1], title, fontsize=11, weight="bold", parse_math=False)
    colours = mask_colours(labels)
    for place, k in enumerate(shown):
        left, top = place % across * _TILE + 0.05, place // across * tile + 0.35
        axes = figure.add_axes(
            (left / size[0], 1 - (top + tile) / size[1], (_TILE - 0.04) / size[0], (tile - 0.04) / size[1])
        )
        pixels = voxels[k, rows, columns]
        grey = pixels / np.float32(255) if scan.units == "8-bit" else window(pixels, *level)
        axes.imshow(grey, cmap="gray", vmin=0, vmax=1, aspect=spacing[1] / spacing[2], interpolation="bilinear")
        axes.axis("off")
        axes.set(xlim=(-0.5, grey.shape[1] - 0.5), ylim=(grey.shape[0] - 0.5, -0.5))
        for label in range(1, len(labels)):
            _outline(axes, masks[k, rows, columns] == label, color=colours[label] / 255, linewidth=1.1)
        if truth is not None:
            for label in range(1, len(labels)):
                _outline(axes, truth[k, rows, columns] == label, color=_TRUTH, linewidth=0.8, linestyle=(0, (3, 3)))
        mark = {"facecolor": "black", "alpha": 0.55, "pad": 1, "linewidth": 0}
        axes.text(0.02, 0.97, str(k), color="white", fontsize=7, va="top", transform=axes.transAxes, bbox=mark)
    lines = [Line2D([], [], color=colours[n] / 255, label=name) for n, name in enumerate(labels) if n]
    if truth is not None:
        lines.append(Line2D([], [], color=_TRUTH, linestyle=(0, (3, 3)), label="truth"))
    figure.legend(
        handles=lines,
        loc="lower left",
        bbox_to_anchor=(0, 0.3 / size[1]),
        ncols=len(lines),
        fontsize=8,
        facecolor="#404040",
        labelcolor="white",
        borderaxespad=0.3,
    )
    figure.text(0.05 / size[0], 0.1 / size[1], notice, fontsize=7, color="#555555", parse_math=False)
    return figure


def _spread(present: np.ndarray, most: int) -> list[int]:
    """At most so many of the slices with a mask, the first and the last few left to those between; feet to head."""
    found = np.flatnonzero(present) if present.any() else np.arange(len(present))
    count = min(most, len(found))
    return found[((np.arange(count) + 0.5) * len(found) / count).astype(int)].tolist()


def _box(inside: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns to show: the masks' box with a margin, the whole slice without masks."""
    if not inside.any():
        return slice(0, inside.shape[1]), slice(0, inside.shape[2])
    return tuple(
        slice(max(0, at.start - _MARGIN), min(side, at.stop + _MARGIN))
        for at, side in zip(bounding_box(inside)[1:], inside.shape[1:], strict=True)
    )


def _outline(axes, mask: np.ndarray, **style) -> None:
    # A ring of outside closes the outlines of what reaches the edge.
    for line in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        axes.plot(line[:, 1] - 1, line[:, 0] - 1, **style)
