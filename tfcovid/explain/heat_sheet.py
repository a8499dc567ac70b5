from collections.abc import Sequence
from textwrap import fill

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfcovid.report.heat_colours import heat_overlay, heat_scale

_COLUMNS = 6
_TILE = 220  # pixels of a slice's width


def heat_sheet(
    grey: np.ndarray,
    heat: np.ndarray,
    titles: Sequence[str],
    what: str,
    shape: float = 1.0,
    *,
    sides: tuple[str, str] | None = None,
    notice: str = "",
) -> Figure:
    """Slices, each with its map over it beneath: warm is suspicious, and nothing is drawn where the map is 0.

    The colours run from 0 to 1 on every sheet, so that slices and scans can be compared.

    Args:
        grey: `(slices, height, width)` in [0, 1].
        heat: of the same shape, in [0, 1].
        titles: of each slice.
        what: of the map, beside the scale.
        shape: mm of a row by mm of a column.
        sides: marks at the left and right edge of each slice, such as R and L.
        notice: beneath it all.
    """
    height = round(_TILE * grey.shape[1] / grey.shape[2] * shape)
    columns = min(_COLUMNS, len(grey))
    rows = -(-len(grey) // columns)
    width, tall = max(columns * _TILE / 100, 4.5), rows * (2 * height / 100 + 0.25) + 0.8
    notice = fill(notice, int(16 * width))
    tall += 0.15 * len(notice.splitlines())
    figure = Figure(figsize=(width, tall), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for one in axes:
        one.axis("off")
    mark = {"color": "white", "bbox": {"facecolor": "black", "alpha": 0.55, "pad": 1, "linewidth": 0}}
    for one, slice_, warm, title in zip(axes, grey, heat, titles, strict=False):
        pair = [cv2.resize(layer.astype(np.float32), (_TILE, height)) for layer in (slice_, warm)]
        one.imshow(np.concatenate([pair[0][..., None].repeat(3, -1), heat_overlay(*pair)]).clip(0, 1))
        one.set_title(title, fontsize=8)
        for at, side, edge in zip((5, _TILE - 5), sides or (), ("left", "right"), strict=False):
            one.text(at, height / 2, side, fontsize=7, ha=edge, va="center", **mark)
    as_seen = matplotlib.colors.ListedColormap(heat_scale(256))
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, 1), as_seen)
    bar = figure.colorbar(scale, ax=axes.tolist(), location="bottom", shrink=0.5, aspect=50)
    bar.set_label(what, fontsize=8, parse_math=False)
    bar.ax.tick_params(labelsize=7)
    if notice:
        figure.supxlabel(notice, fontsize=7, color="#555555", parse_math=False)
    return figure
