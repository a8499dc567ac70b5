import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tfcovid.into_place import into_place
from tfcovid.report.card_html import card_html
from tfcovid.report.page import Html, callout, folded, page, section, table, terms
from tfcovid.report.rounded import rounded
from tfcovid.report.strip import label_colour
from tfcovid.report.viewer import LEVEL, viewer
from tfcovid.report.wording import Wording

if TYPE_CHECKING:
    from tfcovid.inference.diagnosis import Diagnosis

_LESIONS = 8  # shown at once, the largest
_FACTS = ("name", "members", "versions", "weights_sha256")  # of the bundle; the card says the others


def write_report(
    diagnosis: "Diagnosis",
    path: str | Path,
    *,
    card: str | None = None,
    identity: Mapping[str, str] | None = None,
    progress: bool = False,
) -> None:
    """Writes the report of one scan: one HTML file that loads nothing else, for the screen and for paper.

    The answer comes first, then what speaks against trusting it, the probabilities with the span of single answers,
    the slices, what was measured, what the checks found, the model card and the settings. It names neither the
    patient nor a file nor a day, unless `identity` is given. 300 slices stay below 15 MB.

    Args:
        path: the file to write; one that is there is replaced.
        card: the model card, Markdown, in place of `diagnosis.card`.
        identity: names and values to head the report with, such as `scan.identity`.
        progress: draws a bar where it takes long.
    """
    slices, data = viewer(diagnosis, progress)
    card = diagnosis.card if card is None else card
    body = "\n".join(
        [
            _answer(diagnosis, identity),
            slices,
            _extent(diagnosis),
            section("Spread of the answers", _spread(diagnosis)),
            section("Checks of the scan", _checks(diagnosis)),
            section("System", _system(diagnosis, card)),
        ]
    )
    text = page(f"Chest CT: {diagnosis.label}", diagnosis.notice, body, script="report.js", data=data)
    into_place(Path(path), lambda partial: partial.write_text(text, encoding="utf-8"))


def _answer(diagnosis: "Diagnosis", identity: Mapping[str, str] | None) -> str:
    probability, found = diagnosis.probabilities[diagnosis.label], diagnosis.uncertainty
    spread, read = found["probabilities"][diagnosis.label], len(diagnosis.slices.index)
    words = Wording.of(diagnosis)
    lead = f"{words.measure} <b>{html.escape(rounded(probability))}</b>"
    if found["answers"] > 1:
        lead += f"; {found['answers']} single answers say {html.escape(_span(spread['low'], spread['high']))}"
    lesions = int((diagnosis.lesion_probabilities > 0.5).sum())
    lead += f". {html.escape(words.rule)}" if words.rule else "."
    lead += (
        f" In {lesions} of {read} slices {html.escape(words.shown)} is likelier than not."
        if read > 1
        else " One slice was read."
    )
    warnings = ""
    if found["refer"]:
        warnings += callout("Refer to a radiologist", found["reasons"], "warm")
    if diagnosis.unlike_training:
        warnings += callout("Unlike the scans this system was trained on", diagnosis.unlike_training)
    errors = [finding.seen for finding in diagnosis.scan.findings if finding.severity == "error"]
    if errors:
        warnings += callout("Read in spite of faults of the scan", errors)
    # "PatientName", as DICOM has it
    named = {re.sub("(?<=[a-z])(?=[A-Z])", " ", name): value for name, value in (identity or {}).items()}
    who = terms(named) if named else ""
    return f"""<section class="answer">
<div>
{who}<p class="kind">Chest CT, read by a computer. Scan {html.escape(diagnosis.scan.key)}</p>
<h1>{html.escape(diagnosis.label)}</h1>
<p class="lead">{lead}</p>
{warnings}
</div>
<div>
{_odds(diagnosis)}
</div>
</section>"""


def _odds(diagnosis: "Diagnosis") -> str:
    found, rows, measure = diagnosis.uncertainty, [], Wording.of(diagnosis).measure
    for number, (label, value) in enumerate(diagnosis.probabilities.items()):
        span, said = "", ""
        if found["answers"] > 1:
            low, high = (found["probabilities"][label][end] for end in ("low", "high"))
            span = f'<u style="left:{100 * low:.1f}%;right:{100 - 100 * high:.1f}%"></u>'
            said = f"<br><small>{html.escape(_span(low, high))}</small>"
        called = ' class="called"' if label == diagnosis.label else ""
        rows.append(
            f'<tr{called}><th scope="row" class="name">{html.escape(label)}</th>'
            '<td><div class="track" aria-hidden="true">'
            f'<i style="width:{100 * value:.1f}%;background:{label_colour(number)}"></i>{span}</div></td>'
            f'<td class="value"><b>{html.escape(rounded(value))}</b>{said}</td></tr>'
        )
    sources = [f"{found['sources'][name]} {name}" for name in found["sources"] if found["sources"][name] > 1]
    note = f"Bars are means of {found['answers']} single answers, lines their span"
    note += f" ({_listed(sources)})." if sources else "."
    note = note if found["answers"] > 1 else "One answer, without spread."
    return (
        '<table class="odds"><thead><tr><th scope="col" class="name">Label</th><th scope="col">Bar</th>'
        f'<th scope="col" class="value">{measure}</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f'<p class="quiet">{note}</p>'
    )


def _extent(diagnosis: "Diagnosis") -> str:
    found, share = diagnosis.segmentation, diagnosis.suspicious
    parts = []
    if found is not None:
        severity = found.severity
        rows = [
            [row["region"], _ml(row["volume_ml"]), _ml(row["infection_ml"]), _percent(row["involved_percent"])]
            for row in severity["regions"]
        ]
        heads = ("Region", "Volume, ml", "Infection, ml", "Involved, %")
        parts.append(table(heads, rows, caption="Lungs and infection, outlined", numbers=(1, 2, 3)))
        if severity["severity_score"] is not None:
            parts.append(
                f"<p>Severity score {severity['severity_score']} of {severity['severity_most']}, by thirds of each "
                "lung (0 to 5 each); not to be compared with a score by lobes.</p>"
            )
        if severity["lesions"]:
            parts.append(_lesions(severity["lesions"]))
        elif severity["lesion_count"] == 0:
            parts.append("<p>No infection was outlined.</p>")
        if not diagnosis.scan.known_spacing:
            parts.append('<p class="quiet">The scan does not say how large a voxel is: no volumes.</p>')
    if diagnosis.not_segmented:
        parts.append(callout("No outlines", [diagnosis.not_segmented]))
    if share:
        rows = [[region, _percent(value)] for region, value in share.items()]
        parts.append(table(("Region", "Suspicious, %"), rows, caption="Share of the lungs under the map", numbers=(1,)))
        parts.append(
            '<p class="quiet">The share of the lung where the map is 0.5 or more. 0.0 means that no place reaches 0.5, '
            "not that the lungs are clear. The map is coarse and was not trained on outlines: it says where to look, "
            "not how much is ill.</p>"
        )
        if diagnosis.scan.units == "8-bit" and diagnosis.body.all(axis=(1, 2)).any():
            parts.append(
                '<p class="quiet">No air around the body was found in a picture: the map is shown on all of it.</p>'
            )
    return section("Extent", "\n".join(parts)) if parts else ""


def _lesions(lesions: list[dict[str, Any]]) -> str:
    heads = ("Lesion", "ml", "Lung", "Slices", "Largest on slice")
    rows = [
        [
            one["lesion"],
            _ml(one["ml"]),
            one["lung"],
            f"{one['first_slice']} to {one['last_slice']}",
            Html(f'<button data-slice="{one["slice"]}" aria-label="Show slice {one["slice"]}">{one["slice"]}</button>'),
        ]
        for one in lesions
    ]
    name = f"Lesions, the largest {_LESIONS} of {len(rows)}" if len(rows) > _LESIONS else "Lesions"
    shown = table(heads, rows[:_LESIONS], caption=name, numbers=(1, 4))
    if len(rows) > _LESIONS:
        shown += folded("All other lesions", table(heads, rows[_LESIONS:], numbers=(1, 4)), printed=False)
    return shown


def _spread(diagnosis: "Diagnosis") -> str:
    labels, found = diagnosis.labels, diagnosis.uncertainty
    numbers = range(1, len(labels) + 1)
    width, words = diagnosis.settings["window"]["width"], Wording.of(diagnosis)
    rows = [[f"{c:g} / {width:g} HU", *(rounded(p) for p in one)] for c, one in diagnosis.by_window.items()]
    parts = [
        table(("Window", *labels), rows, caption=f"{words.measure} by the CT window it looked through", numbers=numbers)
    ]
    if diagnosis.by_member:
        rows = [[name, *(rounded(p) for p in one)] for name, one in diagnosis.by_member.items()]
        parts.append(
            table(("Member", *labels), rows, caption=f"{words.measure} by member of the ensemble", numbers=numbers)
        )
    said, label = "", html.escape(diagnosis.label)
    if found["answers"] > 1:
        said += f"{found['agreeing']:.0%} of the single answers call {label}. "
    if words.measure == "Share of slices" and diagnosis.label != labels[0]:
        said += (
            f"The confidence is the share of {label} among the slices that are not called {html.escape(labels[0])}. "
        )
    parts.append(
        f"<p>{said}A radiologist should decide where the confidence is below {found['refer_below']:.2f}; here it is "
        f"{html.escape(rounded(found['confidence']))}.</p>"
        '<p class="quiet">The spread is that of the system with itself. What it never learnt it may say with one '
        "voice.</p>"
    )
    return "\n".join(parts)


def _checks(diagnosis: "Diagnosis") -> str:
    findings, unlike, scan = diagnosis.scan.findings, diagnosis.unlike_training, diagnosis.scan
    shape = f"{scan.shape[0]} of {scan.shape[1]} x {scan.shape[2]} pixels"
    spacing = " x ".join(f"{mm:.3g}" for mm in scan.known_spacing) + " mm" if scan.known_spacing else "not known"
    units = "Hounsfield units" if scan.units == "HU" else "8-bit grey levels"
    shown = f"{LEVEL[0]:g} / {LEVEL[1]:g} HU" if scan.units == "HU" else "as saved"
    facts = terms(
        {
            "Slices": shape,
            "Spacing: slice, row, column": spacing,
            "Values": units,
            "Window shown": shown,
            "Slices read": _read(diagnosis),
        }
    )
    if findings:
        rows = [[f"{one.severity}: {one.name}", one.seen, one.fix] for one in findings]
        facts += table(("Finding", "Seen", "What to do"), rows)
    else:
        facts += "<p>The checks of geometry and values found nothing.</p>"
    said = {
        True: "",
        False: "Its number of slices, its values and its findings are like those of the training scans.",
        None: "This bundle does not say what its training scans were like: nothing was compared.",
    }[None if unlike is None else bool(unlike)]
    return facts + (f"<p>{said}</p>" if said else "")


def _read(diagnosis: "Diagnosis") -> str:
    read, without = len(diagnosis.slices.index), int(diagnosis.slices.without_lung.sum())
    found = "all" if read == len(diagnosis.scan.voxels) else str(read)
    return f"{found}, {without} of them without lung" if without else found


def _system(diagnosis: "Diagnosis", card: str) -> str:
    parts = [folded("Model card", f'<div class="card">{card_html(card)}</div>')] if card else []
    if len(diagnosis.slice_table) > 1:
        parts.append(folded("Every slice, in numbers", _every_slice(diagnosis), printed=False))
    facts = {name: diagnosis.bundle[name] for name in _FACTS if name in diagnosis.bundle}
    held = {"bundle": facts, "runtime": diagnosis.runtime, "settings": diagnosis.settings}
    text = yaml.safe_dump(held, sort_keys=False, default_flow_style=None, width=100)
    parts.append(folded("Bundle and settings", f"<pre>{html.escape(text)}</pre>"))
    times = terms({name: f"{seconds:.2f} s" for name, seconds in diagnosis.timings.items()})
    return "\n".join([*parts, folded("Time it took", times, printed=False)])


def _every_slice(diagnosis: "Diagnosis") -> str:
    rows = [
        [
            Html(f'<button data-slice="{row["slice"]}">{row["slice"]}</button>'),
            *([f"{row['z_mm']:.1f}"] if diagnosis.scan.known_spacing else []),
            *([rounded(row["lesion"], 2)] if diagnosis.finds_lesions else []),
            row["label"],
            *(rounded(row[f"p_{label}"], 2) for label in diagnosis.labels),
        ]
        for row in diagnosis.slice_table
    ]
    z = ["z, mm"] if diagnosis.scan.known_spacing else []
    heads = ("Slice", *z, *(["Lesion"] if diagnosis.finds_lesions else []), "Called", *diagnosis.labels)
    return table(heads, rows, numbers=[n for n in range(1, len(heads)) if heads[n] != "Called"])


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _span(low: float, high: float) -> str:
    return rounded(low) if rounded(low) == rounded(high) else f"{rounded(low)} to {rounded(high)}"


def _ml(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 0.05 or not value else "< 0.1"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
