"""What a config makes of a scan, before anything is trained."""

import cv2
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from tfcovid.config import Config
from tfcovid.data.network_slices import NetworkSlices, network_slices
from tfcovid.inference import lung_finder
from tfcovid.scans import Scan
from tfcovid.training.augment import augmentation
from tfcovid.training.step_panels import draw_panel, step_panels

_DPI = 100
_TILE = 240  # pixels of a slice's width in the figure
_PANEL = 190  # pixels of a step's sides
_GAP, _MARGIN, _LINE = 6, 24, 22
_GAP_COLOUR = "#5b8db8"  # no grey level


def preview(config: Config, scan: Scan, rows: int = 6, draws: int = 5, seed: int | None = None) -> Figure:
    """The figure of `tfcovid preview`: slices as the network will meet them in training, and how they came about.

    A contact sheet: `rows` slices spread evenly through those that the config keeps, from head to feet; first as they
    are through the middle of the window, then `draws` times as window and augmentation draw them. Beneath, for the
    slice with the most lung, what each step of the config's crop and selection leaves (`step_panels`).

    Args:
        seed: of the draws; that of the config by default.

    Raises:
        InputError: 8-bit pixels where the config names no window they were made with.
    """
    slices = network_slices(scan, config, finder=lung_finder(config))
    rows = min(rows, len(slices.index))
    shown = ((np.arange(rows) + 0.5) * len(slices.index) / rows).astype(int)[::-1]
    sheet = _montage(network_inputs(config, slices.hu[shown], draws, config.seed if seed is None else seed))
    strips = step_panels(config, scan, slices)

    captions = _captions(config, slices)
    widest = max([len(panels) for _, panels in strips], default=0)
    sheet_top = (2.6 + len(captions)) * _LINE
    width = max(sheet.shape[1] + 3 * _MARGIN, widest * (_PANEL + _MARGIN) + _MARGIN, 800)
    height = sheet_top + sheet.shape[0] + _MARGIN + len(strips) * (_PANEL + 3.5 * _LINE)
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)

    def write(line: float, text: str, **style) -> None:
        figure.text(_MARGIN / width, 1 - line / height, text, va="center", **style)

    def place(left: float, top: float, wide: float, high: float):
        return figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))

    write(_LINE, f"{config.name}: what the network sees in training", size=14, weight="bold")
    for number, caption in enumerate(captions):
        write((2 + 0.85 * number) * _LINE, caption, size=9, color="#444444")
    axes = place(2 * _MARGIN, sheet_top, sheet.shape[1], sheet.shape[0])
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set(facecolor=_GAP_COLOUR, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    high, wide = (sheet.shape[0] + _GAP) / rows, (sheet.shape[1] + _GAP) / (draws + 1)
    for column, text in enumerate(["as it is", *(f"draw {n + 1}" for n in range(draws))]):
        axes.text((column + 0.5) * wide - _GAP / 2, -5, text, size=9, ha="center")
    for row, n in enumerate(shown):
        axes.text(-6, (row + 0.5) * high - _GAP / 2, str(slices.index[n]), size=9, ha="right", va="center")
    top = sheet_top + sheet.shape[0] + _MARGIN
    for title, panels in strips:
        write(top + 0.7 * _LINE, title, size=11)
        for number, panel in enumerate(panels):
            axes = place(_MARGIN + number * (_PANEL + _MARGIN), top + 2.4 * _LINE, _PANEL, _PANEL)
            draw_panel(axes, f"({'abcdefgh'[number]}) {panel.name}", panel)
        top += _PANEL + 3.5 * _LINE
    return figure


def network_inputs(config: Config, hu: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """What the layers before the network make of HU slices `(slices, height, width)`, as the store holds them.

    Returns:
        `(slices, 1 + draws, height, width)` in [0, 1]: first as outside training, then as training draws them.
    """
    layers = augmentation(config, seed)

    def through(pixels: np.ndarray, training: bool) -> np.ndarray:
        x = ops.convert_to_tensor(pixels[..., None])
        for layer in layers:
            x = layer(x, training=training)
        return ops.convert_to_numpy(x)[..., 0]

    pairs = [(through(one[None], False), through(np.repeat(one[None], draws, axis=0), True)) for one in hu]
    return np.stack([np.concatenate(pair) for pair in pairs])


def _montage(levels: np.ndarray) -> np.ndarray:
    """Slices `(rows, columns, height, width)` at the width of a tile, as one picture; NaN between them."""
    size = (_TILE, max(1, round(_TILE * levels.shape[2] / levels.shape[3])))
    # Larger pixels stay to be seen as pixels.
    how = cv2.INTER_AREA if levels.shape[3] > _TILE else cv2.INTER_NEAREST
    tiles = [[cv2.resize(np.float32(one), size, interpolation=how) for one in row] for row in levels]
    gap = ((0, _GAP), (0, _GAP))
    rows = [np.concatenate([np.pad(one, gap, constant_values=np.nan) for one in row], axis=1) for row in tiles]
    return np.concatenate(rows)[:-_GAP, :-_GAP]


def _captions(config: Config, slices: NetworkSlices) -> list[str]:
    (height, width), (low, high) = config.crop.size, config.window.train
    center = f"centre {low:g} HU" if low == high else f"centre drawn from {low:g} to {high:g} HU"
    settings = config.slice_training.augmentation.model_dump(exclude_defaults=True)
    changes = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
    kept = f"Slices {slices.index[0]} to {slices.index[-1]} are kept, counted from 0 at the feet"
    return [
        f"{height} x {width} pixels (height x width), window {config.window.width:g} HU wide, {center}. {kept}.",
        f"Augmentation: {changes or 'none'}.",
    ]
