import numpy as np
from matplotlib.figure import Figure

from tfcovid.evaluation.compare import Comparison
from tfcovid.evaluation.label_text import label_text
from tfcovid.evaluation.line_style import line_style
from tfcovid.evaluation.main_figures import MAIN_FIGURES
from tfcovid.evaluation.p_text import p_text


def draw_forest(comparison: Comparison, notice: str = "Research use only.") -> Figure:
    """A forest plot: each figure of each system with its interval and its p-value against the reference.

    Where more than two systems are compared, these are the p-values of the bootstrap adjusted by Holm.
    """
    names, figures = list(comparison.systems), comparison.scores[comparison.reference].figures
    shown = [name for name in MAIN_FIGURES if name in figures]
    rows, high = -(-len(shown) // 2), 0.26 * len(names) + 0.75
    figure = Figure(figsize=(11.5, high * rows + 0.4), dpi=150, layout="constrained")
    for place, key in enumerate(shown, 1):
        axes = figure.add_subplot(rows, 2, place)
        for n, name in enumerate(names):
            one = comparison.scores[name].figures[key]
            style = line_style(n)
            axes.plot([one.low, one.high], [n, n], color=style["color"], linewidth=1.8)
            axes.plot(one.value, n, style["marker"], color=style["color"], markersize=6)
            axes.text(
                1.02, n, _words(comparison, name, key), transform=axes.get_yaxis_transform(), va="center", fontsize=8
            )
        axes.axvline(figures[key].value, color="#bbbbbb", linewidth=0.8, zorder=0)
        title = "AUC" if key == "auc_macro" and "fdpe" not in figures else MAIN_FIGURES[key][1]
        axes.set_title(title, fontsize=9.5, loc="left")
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)), [label_text(name) for name in names])
        axes.tick_params(labelsize=8)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
    unit = comparison.scores[comparison.reference].unit
    holm = f", adjusted by Holm over {len(names) - 1} systems" if len(names) > 2 else ""
    figure.supxlabel(
        f"Lines: 95 % intervals from {comparison.resamples} resamples of the {unit}s. p: against "
        f"{label_text(comparison.reference)}{holm}. {notice}",
        fontsize=7,
        color="#555555",
    )
    return figure


def _words(comparison: Comparison, name: str, key: str) -> str:
    one = comparison.scores[name].figures[key]
    if np.isnan(one.value):
        return "not defined"
    if name == comparison.reference:
        return f"{one}"
    p = comparison.against[name].bootstrap[key].p_holm
    return f"{one}" if np.isnan(p) else f"{one}  {p_text(p, 'p')}"
