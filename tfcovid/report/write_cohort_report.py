import html
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from tfcovid.into_place import into_place
from tfcovid.report.page import Html, folded, page, section, table, terms
from tfcovid.report.pictures import data_url

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from tfcovid.evaluation.figure import Figure
    from tfcovid.evaluation.operating_points import OperatingPoint
    from tfcovid.evaluation.predictions import Predictions
    from tfcovid.evaluation.score import Score

# Name of a figure -> how a reader calls it, and behind the bar what that means.
_HEADLINE = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "macro_f1": "Macro-F1"}
_HEADLINE |= {"auc_macro": "AUC, mean of labels"}
_ERRORS = {
    "fpe": "FPE|negative called diseased",
    "fne": "FNE|diseased called negative",
    "fdpe": "FDPE|diseased called another disease",
    "brier": "Brier score",
    "ece": "ECE|expected calibration error",
}
_OF_LABEL = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "auc": "AUC",
    "average_precision": "Average precision",
}


def write_cohort_report(
    score: "Score",
    predictions: "Predictions",
    path: str | Path,
    *,
    title: str,
    notice: str,
    others: "Iterable[Score]" = (),
    curves: "Iterable[tuple[str, Picture]]" = (),
    points: "Iterable[OperatingPoint]" = (),
    links: Mapping[str, str] | None = None,
    unreadable: Iterable[tuple[str, str]] = (),
    facts: Mapping[str, Any] | None = None,
    names: bool = False,
) -> None:
    """Writes the report of an evaluation: one HTML file that loads nothing else, for the screen and for paper.

    The figures with their intervals come first, then those of each label, the confusion matrix, the curves, the
    thresholds, and the cases, which can be sorted and filtered. Patients are numbers, in the order of `predictions`;
    cases are the numbers of their rows, from 0, and of unreadable ones there is only the count, unless `names`.

    Args:
        score: of `predictions`.
        path: the file to write; one that is there is replaced.
        others: of the same scans at other levels, of slices or patients.
        curves: captions and pictures.
        links: name of a case -> address of its own report, relative to `path`. It is shown on hovering: it must not
            name a patient either.
        unreadable: cases that were left out, and why.
        facts: what else to say, ready for JSON; shown as it is.
        names: show the names of cases.
    """
    parts = [
        _headline(score, title),
        section("Labels", _labels(score)),
        section("Confusion matrix", _confusion(score)),
        _levels(list(others)),
        _curves(curves),
        _thresholds(list(points), score.level),
        _left_out(list(unreadable), names),
        section(f"{score.level.capitalize()}s", _cases(predictions, links or {}, names), "cases"),
        section("Settings", _facts(facts)) if facts else "",
    ]
    text = page(title, notice, "\n".join(filter(None, parts)), script="cohort.js")
    into_place(Path(path), lambda partial: partial.write_text(text, encoding="utf-8"))


def _headline(score: "Score", title: str) -> str:
    whose = f" of {score.patients:,} patients" if score.level != "patient" else ""
    rows = [(name, score.figures[key]) for key, name in _HEADLINE.items() if key in score.figures]
    if not any(key == "auc_macro" for key in score.figures) or len(score.labels) == 2:
        rows = [row for row in rows if row[0] != _HEADLINE["auc_macro"]]
        rows += [(f"AUC {label}", score.figures[f"auc_{label}"]) for label in score.labels[1:2]]
    errors = [
        (name.replace("negative", score.labels[0]), score.figures[key])
        for key, name in _ERRORS.items()
        if key in score.figures
    ]
    return f"""<section>
<div>
<p class="kind">Evaluation</p>
<h1 class="long">{html.escape(title)}</h1>
<p class="lead"><b>{score.cases:,}</b> {html.escape(score.level)}s{whose}. Brackets hold 95&nbsp;% intervals, from \
{score.resamples:,} resamples of the {html.escape(score.unit)}s. Negative is {html.escape(score.labels[0])}.</p>
</div>
<div class="pair">
{_bars(rows, "Larger is better")}
{_bars(errors, "Smaller is better")}
</div>
</section>"""


def _bars(rows: "list[tuple[str, Figure]]", caption: str) -> str:
    """Figures in [0, 1] as a dot on its interval."""
    lines = []
    for name, one in rows:
        short, _, long = name.partition("|")
        said_name = html.escape(short) + (f"<br><small>{html.escape(long)}</small>" if long else "")
        drawn, said = "", f"<b>{_number(one)}</b>"
        if not np.isnan(one.low):
            drawn = f'<u style="left:{100 * one.low:.1f}%;right:{100 - 100 * one.high:.1f}%"></u>'
            said += f"<br><small>[{one.low:.3f}, {one.high:.3f}]</small>"
        if not np.isnan(one.value):
            drawn += f'<i class="dot" style="left:{100 * one.value:.1f}%"></i>'
        lines.append(
            f'<tr><th scope="row" class="name">{said_name}</th>'
            f'<td><div class="track" aria-hidden="true">{drawn}</div></td><td class="value"{_why(one)}>{said}</td></tr>'
        )
    return (
        f'<table class="odds figures"><caption>{caption}</caption><thead><tr><th scope="col" class="name">Figure</th>'
        f'<th scope="col">Drawn from 0 to 1</th><th scope="col" class="value">Value</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _labels(score: "Score") -> str:
    shown = [label for label in score.labels if f"auc_{label}" in score.figures]
    rows = [[name, *(_cell(score.figures[f"{key}_{label}"]) for label in shown)] for key, name in _OF_LABEL.items()]
    rows.append(["AUC, DeLong's interval", *(_cell(score.delong[f"auc_{label}"]) for label in shown)])
    why = {one.why for one in score.figures.values() if one.why and np.isnan(one.value)}
    notes = "".join(f"<p>Not defined: {html.escape(reason)}.</p>" for reason in sorted(why))
    note = "" if len(shown) > 1 else '<p class="quiet">Of two labels, the figures of the other say the same.</p>'
    caption = "Each label against the others"
    return table(("Figure", *shown), rows, caption=caption, numbers=range(1, len(shown) + 1)) + notes + note


def _cell(one: "Figure") -> Html:
    interval = "" if np.isnan(one.low) else f"<br><small>[{one.low:.3f}, {one.high:.3f}]</small>"
    return Html(f"<span{_why(one)}>{_number(one)}{interval}</span>")


def _number(one: "Figure") -> str:
    return "&ndash;" if np.isnan(one.value) else f"{one.value:.3f}"


def _why(one: "Figure") -> str:
    return f' title="{html.escape(one.why)}"' if one.why else ""


def _confusion(score: "Score") -> str:
    counts, totals = score.confusion, score.confusion.sum(axis=1)
    rows = []
    for n, label in enumerate(score.labels):
        cells = []
        for m, count in enumerate(counts[n]):
            share = f"<small>{count / totals[n]:.0%}</small>" if totals[n] else ""
            cells.append(Html(f"<b>{count:,}</b>{share}" if m == n else f"{count:,}{share}"))
        rows.append([label, *cells, f"{totals[n]:,}"])
    heads = ("True label", *score.labels, "All")
    body = table(
        heads, rows, caption="Called (columns), and the share of each true label", numbers=range(1, len(heads))
    )
    return f'<div class="matrix">{body}</div>'


def _levels(others: "list[Score]") -> str:
    if not others:
        return ""
    rows = [
        [name.partition("|")[0], *(_cell(one.figures[key]) for one in others)]
        for key, name in (_HEADLINE | _ERRORS).items()
        if key in others[0].figures
    ]
    heads = ("Figure", *(f"{one.cases:,} {one.level}s" for one in others))
    return section("Other levels", table(heads, rows, numbers=range(1, len(heads))))


def _curves(curves: "Iterable[tuple[str, Picture]]") -> str:
    figures = []
    for caption, picture in curves:
        coded = BytesIO()
        picture.savefig(coded, format="svg", metadata={"Date": None})
        name = html.escape(caption)
        figures.append(
            f'<figure><img src="{data_url(coded.getvalue())}" alt="{name}"><figcaption>{name}</figcaption></figure>'
        )
    kind = "curves" if len(figures) > 1 else "curves one"
    return section("Curves", f'<div class="{kind}">{"".join(figures)}</div>', "above") if figures else ""


def _thresholds(points: "list[OperatingPoint]", level: str) -> str:
    if not points:
        return ""
    rows = [
        [
            f"{one.wanted:g}",
            one.threshold_text,
            _cell(one.sensitivity),
            _cell(one.specificity),
            f"{one.validation_sensitivity:.3f}",
            None if np.isnan(one.validation_specificity) else f"{one.validation_specificity:.3f}",
        ]
        for one in points
    ]
    heads = ("Wanted sensitivity", "Threshold", "Sensitivity", "Specificity", "Sensitivity, validation")
    heads = (*heads, "Specificity, validation")
    note = (
        f"<p>A {html.escape(level)} is called {html.escape(points[0].positive)} from the threshold on. Thresholds were "
        "chosen on validation cases alone.</p>"
    )
    return section("Operating points", table(heads, rows, numbers=range(1, len(heads))) + note)


def _left_out(unreadable: list[tuple[str, str]], names: bool) -> str:
    if not unreadable:
        return ""
    count = len(unreadable)
    said = f"<p>{count} could not be read and {'is' if count == 1 else 'are'} in none of these figures.</p>"
    return section("Left out", said + (table(("Case", "Why"), unreadable) if names else ""))


def _cases(predictions: "Predictions", links: Mapping[str, str], names: bool) -> str:
    labels = predictions.labels
    number = {name: n for n, name in enumerate(dict.fromkeys(predictions.patients), 1)}
    heads = ["Case", "Patient", "Truth", "Called", *(f"p {label}" for label in labels)]
    rows = []
    columns = predictions.cases, predictions.patients, predictions.truth, predictions.called, predictions.probabilities
    for n, (case, patient, truth, called, found) in enumerate(zip(*columns, strict=True)):
        name = html.escape(case if names else f"{n:04d}")
        if case in links:
            name = f'<a href="{html.escape(links[case])}">{name}</a>'
        odds = "".join(f'<td class="number">{p:.3f}</td>' for p in found)
        wrong = "" if truth == called else ' class="wrong"'
        rows.append(
            f'<tr{wrong}><th scope="row" data-value="{n}">{name}</th>'
            f'<td class="number">{number[patient]}</td><td>{html.escape(labels[truth])}</td>'
            f'<td class="call">{html.escape(labels[called])}</td>{odds}</tr>'
        )
    errors = int((predictions.truth != predictions.called).sum())
    head = "".join(
        f'<th scope="col" class="{"" if name in ("Case", "Truth", "Called") else "number"}"><button type="button">'
        f"{html.escape(name)}</button></th>"
        for name in heads
    )
    note = "" if names else '<p class="quiet">Cases are rows of predictions.csv, from 0; patients are numbered.</p>'
    return (
        f'<div class="row no-print"><label><input id="wrong" type="checkbox"{" checked" if errors else ""}>Only the '
        f'{errors:,} called something else</label><span id="count" role="status"></span></div>{note}\n'
        '<div class="wide" tabindex="0" role="region" aria-label="Cases"><table id="cases">'
        f"<thead><tr>{head}</tr></thead><tbody>\n{chr(10).join(rows)}\n</tbody></table></div>"
    )


def _facts(facts: Mapping[str, Any]) -> str:
    plain = {name: value for name, value in facts.items() if not isinstance(value, (dict, list, tuple))}
    held = {name: value for name, value in facts.items() if name not in plain}
    parts = [terms({name.replace("_", " ").capitalize(): value for name, value in plain.items()})] if plain else []
    for name, value in held.items():
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
        parts.append(folded(name.replace("_", " ").capitalize(), f"<pre>{html.escape(text)}</pre>"))
    return "\n".join(parts)
