from tfcovid.evaluation.compare import Comparison
from tfcovid.evaluation.main_figures import MAIN_FIGURES
from tfcovid.evaluation.p_text import p_text
from tfcovid.evaluation.table_row import table_row


def comparison_table(comparison: Comparison) -> list[str]:
    """The lines of Markdown that a paper needs: figures with intervals and p-values, DeLong's test, McNemar's."""
    names, reference = list(comparison.systems), comparison.reference
    score = comparison.scores[reference]
    shown = {key: title for key, (title, _) in MAIN_FIGURES.items() if key in score.figures}
    lines = _head(["system", *shown.values()])
    for name in names:
        cells = []
        for key in shown:
            p = comparison.against[name].bootstrap[key].p_holm if name != reference else None
            cells.append(_cell(comparison.scores[name].figures[key], p))
        lines.append(table_row([name, *cells]))

    areas = [key for key in score.figures if key in score.delong]
    lines += ["", *_head(["system", *(f"AUC {key.removeprefix('auc_')} (DeLong)" for key in areas)])]
    for name in names:
        cells = []
        for key in areas:
            p = comparison.against[name].delong[key].p_holm if name != reference else None
            cells.append(_cell(comparison.scores[name].delong[key], p))
        lines.append(table_row([name, *cells]))

    tested = {name: one for name, one in comparison.against.items() if one.mcnemar}
    if tested:
        head = [
            "system",
            f"right where {reference} is wrong",
            "wrong where it is right",
            "McNemar p, exact",
            "p, mid-p",
        ]
        lines += ["", *_head(head)]
        for name, one in tested.items():
            counts = [str(one.mcnemar.only_second), str(one.mcnemar.only_first)]
            lines.append(table_row([name, *counts, p_text(one.exact_holm), p_text(one.mid_p_holm)]))
    return [*lines, "", *(f"- {note}" for note in _notes(comparison))]


def _notes(comparison: Comparison) -> list[str]:
    score, others = comparison.scores[comparison.reference], len(comparison.against)
    fdpe = " FDPE: share of disease called another disease." if "fdpe" in score.figures else ""
    notes = [
        *comparison.notes,
        f"In brackets 95 % intervals, in parentheses p-values against {comparison.reference}, two-sided. Of the first "
        f"table from {comparison.resamples} bootstrap resamples of the {score.unit}s (seed {comparison.seed}), so that "
        f"no p is below {1 / (comparison.resamples + 1):.2g}{', before Holm' * (others > 1)}.",
        f"FPE: share of {score.labels[0]} called a disease. FNE: share of disease called {score.labels[0]}.{fdpe}",
    ]
    if others > 1:
        notes.append(f"p-values are adjusted by Holm over the {others} systems, each test of each figure for itself.")
    return notes


def _cell(figure, p: float | None) -> str:
    if not figure.value >= 0:
        return "-"
    interval = f" [{figure.low:.3f}, {figure.high:.3f}]" if figure.low <= figure.high else ""
    return f"{figure.value:.3f}{interval}" + (f" ({p_text(p, 'p')})" if p is not None else "")


def _head(titles: list[str]) -> list[str]:
    return [table_row(titles), "|" + "---|" * len(titles)]
