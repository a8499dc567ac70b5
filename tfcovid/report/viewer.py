"""The slices of a report: the key ones, and all of them to scroll through."""

import html
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from tfcovid.progress import with_progress
from tfcovid.report.heat_colours import heat_scale
from tfcovid.report.key_slices import key_slices
from tfcovid.report.mask_colours import mask_colours
from tfcovid.report.pictures import base64_text, data_url, grey_jpeg, heat_png, mask_png, picture_size
from tfcovid.report.rounded import rounded
from tfcovid.report.side_marks import side_marks
from tfcovid.report.strip import strip
from tfcovid.report.wording import Wording
from tfcovid.scans import Scan

if TYPE_CHECKING:
    from tfcovid.inference.diagnosis import Diagnosis

LEVEL = (-600.0, 1500.0)  # centre and width of the window, HU: the usual one for lungs
_SIDE, _HEAT_SIDE = 512, 256  # pixels of the longer side, at most
_CT, _HEAT, _MASKS = 7_500_000, 1_200_000, 1_200_000  # bytes before base64 makes them a third larger
_KEY = 60_000  # bytes of a key slice
_MANY = 400  # slices, above which pictures become smaller


def viewer(diagnosis: "Diagnosis", progress: bool = False) -> tuple[str, dict[str, Any]]:
    """The slices as HTML, and the data that the script of the report needs to show them."""
    scan, count = diagnosis.scan, len(diagnosis.scan.voxels)
    has_map = diagnosis.small_map is not None
    found, words = diagnosis.segmentation, Wording.of(diagnosis)
    masks, labels = (found.masks, found.outlined) if found else (None, ())
    colours, infection = mask_colours(labels), found and found.infection
    sides, side = _sides(scan), round(_SIDE * min(1, (_MANY / count) ** 0.5))
    size = picture_size(scan, side)

    def pictures(k: int) -> tuple[bytes, bytes, bytes, float]:
        ct = grey_jpeg(scan.voxels[k], LEVEL, size, _CT / count)
        warm = lines = b""
        heat = diagnosis.lesion_map_of(k) if has_map else None
        if has_map and heat.any():
            warm = _within(_HEAT / count, scan, _HEAT_SIDE, lambda at: heat_png(heat, at))
        if masks is not None and masks[k].any():
            lines = _within(_MASKS / count, scan, side, lambda at: mask_png(masks[k], at, colours, outline=True))
        return ct, warm, lines, heat.sum(dtype=float) if has_map else 0.0

    with ThreadPoolExecutor() as pool:
        coded = list(with_progress(pool.map(pictures, range(count)), count, "Writing the report", progress))
    *coded, warmth = zip(*coded, strict=True)
    suspicion = _suspicion(diagnosis, np.array(warmth) if has_map else None)
    keys, rows = key_slices(suspicion), {row["slice"]: row for row in diagnosis.slice_table}
    infected = None if infection is None else infection.any(axis=(1, 2))
    ct, warm, lines = ([base64_text(one) for one in some] for some in coded)
    data: dict[str, Any] = {"ct": ct, "heat": warm, "masks": lines}
    data["said"] = [_said(k, count, rows.get(k), diagnosis, words.sign) for k in range(count)]
    data["start"] = max(keys, key=lambda k: suspicion[k])
    shown = {k: (grey_jpeg(scan.voxels[k], LEVEL, size, _KEY), coded[1][k], coded[2][k]) for k in keys}
    figures = "\n".join(_figure(k, rows.get(k), one, size, sides, words.sign) for k, one in shown.items())
    several, over = count > 1, [kind for kind, there in (("heat", has_map), ("masks", bool(labels))) if there]
    body = f"""<section class="slices{" both" if several else ""}">
<h2>{"Slices" if several else "Slice"}</h2>
<div class="keys-side{"" if several else " only-print"}">
<p class="quiet">{_chosen(words, has_map, infected, bool(suspicion.any()))}</p>
<ul class="keys">
{figures}
</ul>
</div>
<div class="viewer">
{_view(scan, size, sides)}
<p id="where"></p>
{strip(diagnosis, rows, infected) if several else ""}
{_legend(over, labels, words)}
{_controls(over, several, infection is not None, words.map)}
<noscript><p>Without JavaScript this page shows the key slices alone.</p></noscript>
</div>
</section>"""
    return body, data


def _suspicion(diagnosis: "Diagnosis", warmth: np.ndarray | None) -> np.ndarray:
    """Of each slice: the area of its infection, where it was outlined; then the sum of its map, or its probability."""
    value = warmth
    if warmth is None:
        value = np.zeros(len(diagnosis.scan.voxels))
        value[diagnosis.slices.index] = diagnosis.lesion_probabilities
    found = diagnosis.segmentation
    if found is None or found.infection is None:
        return value
    # Less than a pixel: it orders slices of the same infection alone.
    return np.count_nonzero(found.infection, axis=(1, 2)) + value / (value.max() + 1)


def _within(share: float, scan: Scan, side: int, coded: Callable[[tuple[int, int]], bytes]) -> bytes:
    """The largest picture of at most `share` bytes, or the smallest."""
    for smaller in (1, 2, 4):
        found = coded(picture_size(scan, side // smaller))
        if len(found) <= share:
            break
    return found


def _said(k: int, count: int, row: dict[str, Any] | None, diagnosis: "Diagnosis", sign: str) -> str:
    where = f"Slice {k} of 0 to {count - 1}" if count > 1 else "The only slice"
    if row is None:
        return f"{where}. Not read by the network."
    where += f", z {row['z_mm']:.1f} mm" if diagnosis.scan.known_spacing and count > 1 else ""
    none = " No lung found." if row["without_lung"] else ""
    return f"{where}: {sign} {rounded(row['lesion'], 2)}; alone called {row['label']}.{none}"


def _figure(
    k: int,
    row: dict[str, Any] | None,
    coded: tuple[bytes, bytes, bytes],
    size: tuple[int, int],
    sides: str,
    sign: str,
) -> str:
    ct, warm, lines = coded
    measure = f'width="{size[0]}" height="{size[1]}"'
    plain = f'<img src="{data_url(ct)}" alt="" {measure}>'
    over = "".join(
        f'<img class="over {kind}" src="{data_url(one)}" alt="" {measure}>'
        for kind, one in (("heat", warm), ("masks", lines))
        if one
    )
    said = html.escape(f"{sign} {rounded(row['lesion'], 2)}, called {row['label']}") if row else "not read"
    return (
        f'<li><figure><div class="plain">{plain}{sides}</div><button class="stack" data-slice="{k}" '
        f'aria-label="Show slice {k} in the viewer">{plain}{over}{sides}</button>'
        f"<figcaption><b>Slice {k}</b> {said}</figcaption></figure></li>"
    )


def _sides(scan: Scan) -> str:
    doubt = ", if the slice lies as usual: the file does not say"
    return "".join(
        f'<span class="{side}" title="the patient\'s {side}{doubt if "?" in mark else ""}">{mark}</span>'
        for side, mark in zip(("right", "left"), side_marks(scan), strict=True)
    )


def _chosen(words: Wording, mapped: bool, infected: np.ndarray | None, any_: bool) -> str:
    """Which slices the key ones are."""
    if not any_:
        return "No slice stands out; this is the middle one."
    if infected is not None and infected.any():
        most = "With the largest infection outlined"
    else:
        most = "Where the map is warmest" if mapped else f"The likeliest to show {html.escape(words.shown)}"
    return f"{most}, apart from each other, from the feet up."


def _view(scan: Scan, size: tuple[int, int], sides: str) -> str:
    width, height = size
    bar = ""
    if scan.known_spacing:
        bar = f'<span class="scale" style="width:{5000 / (scan.shape[2] * scan.spacing[2]):.2f}%">5 cm</span>'
    return (
        f'<div class="view" style="max-width:min(100%, {72 * width / height:.1f}vh)"><canvas id="view" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="where"></canvas>{sides}{bar}</div>'
    )


def _legend(over: list[str], labels: Sequence[str], words: Wording) -> str:
    items = []
    if "heat" in over:
        ramp = ", ".join(f"rgb{tuple(colour)}" for colour in np.rint(255 * heat_scale(9)).astype(int).tolist())
        scale = f'<span class="ramp" style="background:linear-gradient(90deg, {ramp})"></span>'
        items.append(f"<li>{html.escape(words.map)}: 0{scale}1</li>")
    colours = mask_colours(labels).tolist()
    items += [
        f'<li><i style="background:rgb{tuple(colour)}"></i>{html.escape(name)}</li>'
        for name, colour in list(zip(labels, colours, strict=True))[1:]
    ]
    note = (
        "Warm is suspicious, on the same scale in every scan. Nothing is coloured outside the body, nor outside the "
        "box that the network read."
    )
    note = f'\n<p class="quiet">{note}</p>' if "heat" in over else ""
    return f'<ul class="legend">{"".join(items)}</ul>{note}' if items else ""


def _controls(over: list[str], several: bool, outlined: bool, map_: str) -> str:
    # Outlines of the infection say more than the map, in which they are hard to see.
    names = {"heat": (html.escape(map_), "" if outlined else " checked"), "masks": ("Outlines", " checked")}
    boxes = "".join(
        f'<label><input type="checkbox" data-layer="{kind}"{names[kind][1]}>{names[kind][0]}</label>' for kind in over
    )
    if "heat" in over:
        slider = '<input id="opacity" data-of="heat" type="range" min="0" max="100" value="100">'
        boxes += f"<label>Strength of the map {slider}</label>"
    steps, keys = "", []
    if several:
        steps = (
            '<span class="steps"><button data-step="-1" aria-label="One slice towards the feet">&minus;</button> '
            '<button data-step="1" aria-label="One slice towards the head">+</button></span>'
        )
        keys.append(
            "Arrow keys turn slices. Once the strip is chosen, Home, End, Page Up, Page Down and the wheel do too"
        )
    if over:
        keys.append("M hides and shows the overlay")
    return (
        f'<div class="row">{steps}{boxes}</div>\n<p class="quiet no-print">{". ".join(keys)}{"." if keys else ""}</p>'
    )
