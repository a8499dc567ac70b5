from collections.abc import Sequence
from math import isnan

from matplotlib.axes import Axes
from sklearn.metrics import roc_curve

from tfcovid.evaluation.label_text import label_text
from tfcovid.evaluation.line_style import line_style
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import Score


def roc_panel(axes: Axes, curves: Sequence[tuple[str, Predictions, Score, int]], title: str) -> None:
    """Draws ROC curves of one label against all others, a mark on each where the calls stand.

    Args:
        curves: name, predictions, their score, whose area and interval stand in the legend, and number of the label.
            The first label is the negative one: its curve is that of any disease against it.
    """
    for n, (name, one, score, label) in enumerate(curves):
        style = line_style(n)
        area = score.figures.get(f"auc_{one.labels[label]}")
        words = f"{label_text(name)}: "
        positive, called, scores = one.truth == label, one.called == label, one.probabilities[:, label]
        if label == 0:
            positive, called, scores = ~positive, ~called, 1 - scores
        if area is None or isnan(area.value):
            axes.plot([], [], color=style["color"], linestyle=style["linestyle"], label=f"{words}not defined")
            continue
        wrong, right, _ = roc_curve(positive, scores)
        axes.plot(
            wrong, right, color=style["color"], linestyle=style["linestyle"], linewidth=1.6, label=f"{words}{area}"
        )
        axes.plot(
            called[~positive].mean(),
            called[positive].mean(),
            style["marker"],
            color=style["color"],
            markersize=7,
            markeredgecolor="white",
            zorder=4,
            clip_on=False,
        )
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_xlabel("1 - specificity", fontsize=9)
    axes.set_ylabel("sensitivity", fontsize=9)
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(labelsize=8)
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=7.5, framealpha=0.85, edgecolor="none")
