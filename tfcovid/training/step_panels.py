"""The steps from a slice to what the network gets of it, as the papers draw them."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy import ndimage

from tfcovid.config import Config
from tfcovid.data.network_slices import NetworkSlices, scan_hu
from tfcovid.preprocess import lung_areas, window
from tfcovid.preprocess.lung_area_steps import lung_area_steps
from tfcovid.preprocess.lung_crop_steps import lung_crop_steps
from tfcovid.scans import Scan

_COLOUR = "#ff9f1c"


@dataclass(frozen=True)
class Panel:
    """One step.

    Attributes:
        picture: `(height, width)`, grey in [0, 1] or bool; or, with `chosen`, one number a slice, `(slices,)`.
        box: top, left, bottom, right in pixels of the picture, to be drawn on it.
        chosen: first and past-the-last slice of the selection.
        aspect: height of a pixel over its width.
    """

    name: str
    picture: np.ndarray
    box: tuple[int, int, int, int] | None = None
    chosen: tuple[int, int] | None = None
    aspect: float = 1.0


def step_panels(config: Config, scan: Scan, slices: NetworkSlices) -> list[tuple[str, list[Panel]]]:
    """(title, panels) of each method of crop and selection that `config` uses; none for whole slices.

    Of the slice with the most lung among those kept: figure 1 of SSFL for its selection and its body crop, figure 4
    of M3Lung-Sys for its lung crop.

    Args:
        slices: what `network_slices` made of this scan and this config.
    """
    hu = scan_hu(scan, config)
    areas = lung_areas(hu)
    n = int(areas[slices.index].argmax())
    number = int(slices.index[n])
    aspect = scan.spacing[1] / scan.spacing[2]
    box = tuple(int(side) for side in slices.boxes[n])

    def grey(pixels: np.ndarray) -> np.ndarray:
        return window(pixels, np.mean(config.window.train), config.window.width)

    last = Panel(f"cropped, {config.crop.size[0]} x {config.crop.size[1]}", grey(slices.hu[n]))
    strips = []
    if config.selection.method == "ssfl" or config.crop.method == "body":
        names = {
            "original": "original",
            "cropped": "cropped to the body",
            "filtered": "minimum filter 5 x 5",
            "map": "map, from level 100 on",
            "filled": "holes filled",
            "lung": f"lung: {areas[number]} pixels",
        }
        steps = lung_area_steps(hu[number])
        body = box if config.crop.method == "body" else None
        panels = [
            Panel(
                names[step],
                picture / 255 if picture.dtype == np.uint8 else picture,
                box=body if step == "original" else None,
                aspect=aspect,
            )
            for step, picture in steps.items()
        ]
        if config.selection.method == "ssfl" and len(areas) > 1:
            chosen = int(slices.index[0]), int(slices.index[-1]) + 1
            panels.append(Panel(f"areas: {chosen[0]} to {chosen[1] - 1} are kept", areas, chosen=chosen))
        strips.append((f"Lung area, slice {number} (SSFL, figure 1)", panels))
    if config.crop.method == "attention_unet":
        picture, lungs = grey(hu[number]), slices.lungs[n]
        panels = [
            Panel("slice", picture, aspect=aspect),
            Panel("mask of the Attention U-Net", lungs, aspect=aspect),
            Panel("its outline", np.where(lungs & ~ndimage.binary_erosion(lungs), 1.0, picture * 0.8), aspect=aspect),
            Panel(f"box, margin {config.crop.margin}", picture, box=box, aspect=aspect),
        ]
        strips.append((f"Lung crop, slice {number} (Attention U-Net, figure 6)", [*panels, last]))
    if config.crop.method == "m3":
        panels = [Panel("slice", grey(hu[number]), aspect=aspect)]
        names = {"threshold": "below -300 HU", "opening": "opening, 1 x 8"}
        for step, picture in lung_crop_steps(hu[number]).items():
            panels.append(Panel(names.get(step, step), picture, aspect=aspect))
        margin = f"box, margin {config.crop.margin}"
        panels.append(Panel(margin, grey(hu[number]), box=box, aspect=aspect))
        strips.append((f"Lung crop, slice {number} (M3Lung-Sys, figure 4)", [*panels, last]))
    return strips


def draw_panel(axes: Axes, title: str, panel: Panel) -> None:
    """Draws one step into `axes`."""
    axes.set_title(title, size=9)
    if panel.chosen:
        axes.plot(panel.picture, color="#333333", linewidth=1)
        axes.axvspan(panel.chosen[0] - 0.5, panel.chosen[1] - 0.5, color=_COLOUR, alpha=0.3, linewidth=0)
        axes.set_yticks([])
        axes.tick_params(labelsize=8)
        axes.margins(x=0)
        return
    axes.imshow(panel.picture, cmap="gray", vmin=0, vmax=1, aspect=panel.aspect, interpolation="antialiased")
    axes.axis("off")
    axes.set_anchor("N")  # titles in one line, whatever the height
    if panel.box:
        top, left, bottom, right = panel.box
        frame = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, color=_COLOUR, linewidth=1.5)
        axes.add_patch(frame)
