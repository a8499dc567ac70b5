import html
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.progress import with_progress
from tfcovid.report.mask_colours import mask_colours
from tfcovid.report.pictures import base64_text, grey_jpeg, mask_png, picture_size
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

    Slices are turned with a slider, the wheel or the keys; the masks can be hidden or made fainter. The patient's
    right is on the left, and slices count from 0 at the feet. It opens on the slice with most of the last label that
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
    pictures, overlays, present = [], [], []
    slices = zip(scan.voxels, masks, strict=True)
    for pixels, mask in with_progress(slices, len(masks), "Writing the scroll", progress):
        pictures.append(base64_text(grey_jpeg(pixels, level, size, share)))
        overlays.append(base64_text(mask_png(mask, size, colours)) if mask.any() else "")
        present.append([labels[n] for n in np.unique(mask) if n])
    data = {"ct": pictures, "masks": overlays, "present": present, "start": _start(masks), "size": size}
    legend = "".join(
        f'<li><span style="background:rgb{tuple(colour)}"></span>{html.escape(name)}</li>'
        for name, colour in list(zip(labels, colours.tolist(), strict=True))[1:]
    )
    page = _PAGE
    for name, text in (
        ("TITLE", html.escape(title)),
        ("NOTICE", html.escape(notice)),
        ("LEGEND", legend),
        ("LAST", str(len(masks) - 1)),
        ("WIDTH", str(size[0])),
        ("HEIGHT", str(size[1])),
        ("DATA", json.dumps(data).replace("<", "\\u003c")),  # a label cannot end the script
    ):
        page = page.replace(f"@{name}@", text, 1 if name == "DATA" else -1)
    into_place(Path(path), lambda partial: partial.write_text(page, encoding="utf-8"))


def _start(masks: np.ndarray) -> int:
    if not masks.any():
        return len(masks) // 2
    return int((masks == masks.max()).sum(axis=(1, 2)).argmax())


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>@TITLE@</title>
<style>
:root { --page: #f7f7f5; --text: #1c1c1c; --quiet: #595959 }
@media (prefers-color-scheme: dark) { :root { --page: #161616; --text: #ececec; --quiet: #a6a6a6 } }
body { margin: 1rem auto; padding: 0 1rem; max-width: 46rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.2rem; margin: 0 0 .5rem }
canvas { display: block; width: 100%; max-height: 72vh; object-fit: contain; background: #000 }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem; margin: .6rem 0 }
#slice { width: 100% }
ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: 0; padding: 0 }
li span { display: inline-block; width: .8em; height: .8em; margin-right: .4em }
p { margin: .4rem 0; color: var(--quiet); font-size: .9rem }
#where { color: var(--text); font-variant-numeric: tabular-nums }
</style>
</head>
<body>
<h1>@TITLE@</h1>
<canvas id="view" width="@WIDTH@" height="@HEIGHT@" role="img" aria-labelledby="where"></canvas>
<p id="where"></p>
<label for="slice">Slice, from the feet to the head</label>
<input id="slice" type="range" min="0" max="@LAST@" step="1">
<div class="row">
<label><input id="shown" type="checkbox" checked> Show masks</label>
<label for="opacity">Opacity of the masks</label>
<input id="opacity" type="range" min="0" max="100" value="40">
</div>
<ul aria-label="Colours of the masks">@LEGEND@</ul>
<p>Turn the wheel over the picture, or press the arrow keys, Page Up and Page Down (ten slices), Home and End; M hides
and shows the masks. The patient's right is on the left.</p>
<p>@NOTICE@</p>
<noscript><p>This page needs JavaScript to show slices.</p></noscript>
<script id="data" type="application/json">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const [view, where, slice, shown, opacity] =
  ["view", "where", "slice", "shown", "opacity"].map((id) => document.getElementById(id));
const pen = view.getContext("2d"), last = data.ct.length - 1, kept = new Map();

function picture(kind, type, k) {
  const key = kind + k;
  if (!kept.has(key)) {
    const image = new Image();
    image.onload = draw;
    image.src = `data:image/${type};base64,${data[kind][k]}`;
    kept.set(key, image);
  }
  return kept.get(key);
}

function draw() {
  const k = Number(slice.value), ct = picture("ct", "jpeg", k);
  if (!ct.complete) return;
  pen.globalAlpha = 1;
  pen.drawImage(ct, 0, 0);
  if (!shown.checked || !data.masks[k]) return;
  const masks = picture("masks", "png", k);
  if (!masks.complete) return;
  pen.globalAlpha = opacity.value / 100;
  pen.drawImage(masks, 0, 0);
}

function turn(k) {
  k = Math.min(last, Math.max(0, k));
  slice.value = k;
  where.textContent = `Slice ${k}, of 0 to ${last}: ${data.present[k].join(", ") || "no mask"}`;
  slice.setAttribute("aria-valuetext", where.textContent);
  draw();
  for (const next of [k + 1, k - 1]) if (next >= 0 && next <= last) picture("ct", "jpeg", next);
}

slice.addEventListener("input", () => turn(Number(slice.value)));
shown.addEventListener("change", draw);
opacity.addEventListener("input", draw);
view.addEventListener("wheel", (event) => {
  event.preventDefault();
  turn(Number(slice.value) - Math.sign(event.deltaY));
}, { passive: false });
const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10,
  Home: -Infinity, End: Infinity };
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target === opacity) return;
  if (event.key.toLowerCase() === "m") { shown.checked = !shown.checked; draw(); }
  else if (event.key in steps) { event.preventDefault(); slice.focus(); turn(Number(slice.value) + steps[event.key]); }
});
turn(data.start);
</script>
</body>
</html>
"""
