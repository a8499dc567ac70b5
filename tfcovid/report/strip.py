import html
from typing import TYPE_CHECKING, Any

import numpy as np

from tfcovid.report.wording import Wording

if TYPE_CHECKING:
    from tfcovid.inference.diagnosis import Diagnosis

_HIGH = 100  # of the drawing, for probability 1
_COLOURS = 6  # that the style sheet has for labels


def label_colour(number: int) -> str:
    """CSS colour of a label by its number; grey is the negative one's."""
    return f"var(--c{number if number == 0 else (number - 1) % (_COLOURS - 1) + 1})"


def strip(diagnosis: "Diagnosis", rows: dict[int, dict[str, Any]], infected: np.ndarray | None) -> str:
    """The slices along z, feet to head: how likely each shows what `Wording` says, in the colour of its call.

    A slider lies over it.

    Args:
        rows: number of a slice -> its row of `Diagnosis.slice_table`; none where it was not read.
        infected: `(slices,)` bool, where a segmentation found infection, marked beneath.
    """
    infected = None if infected is None or not infected.any() else infected
    count, labels = len(diagnosis.scan.voxels), list(diagnosis.labels)
    bars = []
    for number, label in enumerate(labels):
        # One path a label: a drawing of hundreds of elements is slow to print.
        path = "".join(
            f"M{k} {_HIGH}v-{max(1.0, _HIGH * row['lesion']):.1f}h1v{max(1.0, _HIGH * row['lesion']):.1f}z"
            for k, row in rows.items()
            if row["label"] == label
        )
        bars.append(f'<path d="{path}" style="fill:{label_colour(number)}"/>' if path else "")
    marks = ""
    if infected is not None:
        path = "".join(f"M{k} {_HIGH + 6}h1v10h-1z" for k in np.flatnonzero(infected).tolist())
        marks = f'<path d="{path}" fill="rgb(255, 120, 20)"/>'
    unread = "".join(f"M{k} 0h1v{_HIGH}h-1z" for k in range(count) if k not in rows)
    seen = [label for label in labels if any(row["label"] == label for row in rows.values())]
    legend = "".join(
        f'<li><i style="background:{label_colour(labels.index(label))}"></i>{html.escape(label)}</li>' for label in seen
    )
    legend += '<li><i style="background:rgb(255, 120, 20)"></i>infection outlined</li>' if infected is not None else ""
    legend += '<li><i style="background:var(--line)"></i>not read</li>' if unread else ""
    shown = html.escape(Wording.of(diagnosis).shown)
    # Where these are probabilities of a label, the calls go by its threshold.
    level = 0.5 if diagnosis.finds_lesions else diagnosis.settings["threshold"]
    return f"""<div class="strip" id="strip" style="--n:{count}">
<svg viewBox="0 0 {count} {_HIGH + (16 if infected is not None else 0)}" preserveAspectRatio="none" aria-hidden="true">
<path d="{unread}" style="fill:var(--line)"/>{"".join(bars)}{marks}
<path d="M0 {_HIGH * (1 - level):g}H{count}" style="stroke:var(--ink);stroke-opacity:.35;fill:none" \
stroke-dasharray="3 4" vector-effect="non-scaling-stroke"/>
</svg>
<input id="slice" type="range" min="0" max="{count - 1}" step="1" aria-label="Slice, from the feet to the head">
</div>
<p class="ends"><span>feet, 0</span><span>head, {count - 1}</span></p>
<p class="quiet">Probability of {shown} in each slice, dashed at {level:g}; the colour is what the slice alone
is called.</p>
<ul class="legend">{legend}</ul>"""
