import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.progress import with_progress
from tfcovid.report.mask_colours import mask_colours
from tfcovid.report.page import page
from tfcovid.report.pictures import base64_text, grey_jpeg, mask_png, picture_size
from tfcovid.report.side_marks import side_marks
from tfcovid.scans import Scan

_SIDE = 384  # pixels of the longer side, at most
_BUDGET = 7_000_000  # bytes of pictures before base64 makes them a third larger


def write_scroll(
    scan: Scan,
    masks: np.ndarray,
    labels: Sequence[str],
    path: str | Path,
    *,
    level: tuple[float, float] = (-600.0, 1500.0),
    title: str = "CT with masks",
    notice: str = "Research use only.",
    progress: bool = False,
) -> None:
    """Writes a page to scroll through a scan with its masks over it: one HTML file that loads nothing else.

    Slices are turned with a slider, the wheel or the keys; the masks can be hidden or made fainter. R and L are the
    patient's, and slices count from 0 at the feet. It opens on the slice with most of the last label that
    is there. Pictures have at most 384 pixels a side, and are coarser the more slices there are: below 10 MB.

    Args:
        masks: (slices, height, width), label numbers; other numbers are left blank.
        labels: their names, the background first.
        path: the file to write; one that is there is replaced.
        level: centre and width of the window, HU; without effect on 8-bit scans.
        title: of the page. It is not taken from the scan, whose file names can name a patient.
        progress: draws a bar where it takes long.

    Raises:
        InputError: masks of another shape than the scan's.
    """
    if masks.shape != scan.voxels.shape:
        raise InputError(f"The masks must have the shape of the scan, {scan.voxels.shape}. Received: {masks.shape}")
    masks = np.where(masks < len(labels), masks, 0).astype(np.uint8)
    size, colours = picture_size(scan, _SIDE), mask_colours(labels)
    share = _BUDGET / len(masks)
    said, last = [], len(masks) - 1
    data: dict[str, list[str]] = {"ct": [], "masks": []}
    slices = zip(scan.voxels, masks, strict=True)
    for pixels, mask in with_progress(slices, len(masks), "Writing the scroll", progress):
        data["ct"].append(base64_text(grey_jpeg(pixels, level, size, share)))
        data["masks"].append(base64_text(mask_png(mask, size, colours)) if mask.any() else "")
        present = [labels[n] for n in np.unique(mask) if n]
        said.append(f"Slice {len(said)} of 0 to {last}: {', '.join(present) or 'no mask'}")
    legend = "".join(
        f'<li><i style="background:rgb{tuple(colour)}"></i>{html.escape(name)}</li>'
        for name, colour in list(zip(labels, colours.tolist(), strict=True))[1:]
    )
    right, left = side_marks(scan)
    body = f"""<section>
<h1 class="long">{html.escape(title)}</h1>
<div>
<div class="view" style="max-width:min(100%, {72 * size[0] / size[1]:.1f}vh)"><canvas id="view" width="{size[0]}" \
height="{size[1]}" role="img" aria-labelledby="where"></canvas><span class="right">{right}</span>\
<span class="left">{left}</span></div>
<p id="where"></p>
<div class="strip" id="strip" style="--n:{len(masks)}">
{_drawn(masks, colours)}
<input id="slice" type="range" min="0" max="{last}" step="1" aria-label="Slice, from the feet to the head">
</div>
<p class="ends"><span>feet, 0</span><span>head, {last}</span></p>
<p class="quiet">How much of each slice is masked.</p>
<ul class="legend">{legend}</ul>
<div class="row no-print">
<label><input type="checkbox" data-layer="masks" checked>Masks</label>
<label>Strength of the masks <input id="opacity" data-of="masks" type="range" min="0" max="100" value="40"></label>
</div>
<p class="quiet no-print">Arrow keys turn slices. Once the strip is chosen, Home, End, Page Up, Page Down and the wheel
do too. M hides and shows the masks.</p>
<noscript><p>This page needs JavaScript to show slices.</p></noscript>
</div>
</section>"""
    text = page(title, notice, body, script="report.js", data={**data, "said": said, "start": _start(masks)})
    into_place(Path(path), lambda partial: partial.write_text(text, encoding="utf-8"))


def _drawn(masks: np.ndarray, colours: np.ndarray) -> str:
    """The area of each label along the slices, one over the other."""
    areas = np.stack([np.count_nonzero(masks == n, axis=(1, 2)) for n in range(1, len(colours))], axis=1)
    tops = areas.cumsum(axis=1) * 100 / max(1, areas.sum(axis=1).max())
    paths = []
    # The uppermost first: those beneath cover it.
    for n in range(len(colours) - 1, 0, -1):
        path = "".join(f"M{k} 100v-{top:.1f}h1v{top:.1f}z" for k, top in enumerate(tops[:, n - 1].tolist()) if top)
        paths.append(f'<path d="{path}" fill="rgb{tuple(colours[n].tolist())}"/>' if path else "")
    return f'<svg viewBox="0 0 {len(masks)} 100" preserveAspectRatio="none" aria-hidden="true">{"".join(paths)}</svg>'


def _start(masks: np.ndarray) -> int:
    if not masks.any():
        return len(masks) // 2
    return int((masks == masks.max()).sum(axis=(1, 2)).argmax())
