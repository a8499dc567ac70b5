"""All the pictures of one evaluation."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from tfcovid.evaluation.calibration import reliability
from tfcovid.evaluation.cases_text import cases_text
from tfcovid.evaluation.label_text import label_text
from tfcovid.evaluation.line_style import line_style
from tfcovid.evaluation.net_benefit import net_benefit
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.roc_panel import roc_panel
from tfcovid.evaluation.score import Score

_GREY = "#555555"


def draw_evaluation(
    predictions: Predictions,
    score: Score,
    panels: Sequence[str] | None = None,
    notice: str = "Research use only.",
) -> Figure:
    """The figures of one evaluation as pictures, all in one or some of them.

    Args:
        score: of these predictions.
        panels: which, in which order; by default all. "confusion": counts and the share of each truth; "labels":
            sensitivity and specificity of each label; "roc"; "precision"; "reliability": the share that is right
            against the confidence, with the number of cases; "benefit": net benefit of calling disease.
    """
    panels = list(_PANELS) if panels is None else list(panels)
    unknown = sorted(set(panels) - set(_PANELS))
    if unknown:
        raise ValueError(f"panels are {', '.join(_PANELS)}. Received: {', '.join(unknown)}")
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 4.5 * rows + 0.3), dpi=150, layout="constrained")
    for place, name in enumerate(panels, 1):
        axes = figure.add_subplot(rows, columns, place)
        _PANELS[name](axes, predictions, score)
    figure.supxlabel(
        f"{cases_text(score.level, score.cases, score.patients)}.\n95 % intervals from {score.resamples} resamples "
        f"of the {score.unit}s. {notice}",
        fontsize=7,
        color=_GREY,
    )
    return figure


def _confusion(axes: Axes, predictions: Predictions, score: Score) -> None:
    counts = score.confusion
    with np.errstate(invalid="ignore"):
        shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        words = f"{count}" if np.isnan(share) else f"{count}\n{100 * share:.0f} %"
        dark = share > 0.55
        axes.text(column, row, words, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    names = [label_text(label, 16) for label in score.labels]
    axes.set_xticks(
        range(len(names)), names, rotation=30 if len(names) > 2 else 0, ha="right" if len(names) > 2 else "center"
    )
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("called", fontsize=9)
    axes.set_ylabel("truth", fontsize=9)
    axes.set_title(f"Confusion matrix: {score.level}s, and share of the truth", fontsize=10, loc="left")


def _labels(axes: Axes, predictions: Predictions, score: Score) -> None:
    shown = [label for label in score.labels if f"sensitivity_{label}" in score.figures]
    for n, kind in enumerate(("sensitivity", "specificity")):
        style = line_style(n)
        for row, label in enumerate(shown):
            one, y = score.figures[f"{kind}_{label}"], row + (n - 0.5) * 0.3
            axes.plot([one.low, one.high], [y, y], color=style["color"], linewidth=1.8)
            axes.plot(one.value, y, style["marker"], color=style["color"], markersize=6, label=None if row else kind)
            axes.annotate(
                f"{one.value:.3f}", (one.value, y), (0, 5), textcoords="offset points", ha="center", fontsize=7
            )
    axes.set_ylim(len(shown) - 0.2, -0.6)
    axes.set_yticks(range(len(shown)), [label_text(label, 16) for label in shown])
    axes.set_xlim(right=1.02)
    axes.tick_params(axis="y", length=0)
    _finish(axes, "Sensitivity and specificity", "", "")
    axes.legend(loc="lower left", fontsize=7.5, framealpha=0.85, edgecolor="none")


def _roc(axes: Axes, predictions: Predictions, score: Score) -> None:
    labels = score.labels
    if len(labels) == 2:
        roc_panel(axes, [(labels[1], predictions, score, 1)], "ROC curve")
        return
    names = [f"any but {labels[0]}", *labels[1:]]
    roc_panel(axes, [(name, predictions, score, n) for n, name in enumerate(names)], "ROC curves, one against the rest")


def _precision(axes: Axes, predictions: Predictions, score: Score) -> None:
    shown = [n for n, label in enumerate(score.labels) if f"average_precision_{label}" in score.figures]
    for place, n in enumerate(shown):
        label, style, positive = score.labels[n], line_style(place), predictions.truth == n
        area = score.figures[f"average_precision_{label}"]
        line = {"color": style["color"], "linestyle": style["linestyle"]}
        if np.isnan(area.value):
            axes.plot([], [], label=f"{label_text(label)}: not defined", **line)
            continue
        precision, recall, _ = precision_recall_curve(positive, predictions.probabilities[:, n])
        # Precision holds down to the next case that is called: the curve has no slopes.
        axes.plot(
            recall, precision, linewidth=1.6, label=f"{label_text(label)}: {area}", drawstyle="steps-post", **line
        )
        axes.axhline(positive.mean(), linewidth=0.8, alpha=0.5, **line)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    _finish(axes, "Precision and recall; thin: share of cases", "sensitivity (recall)", "PPV (precision)")
    axes.legend(loc="lower left", fontsize=7.5, framealpha=0.85, edgecolor="none")


def _reliability(axes: Axes, predictions: Predictions, score: Score) -> None:
    found, style = reliability(predictions, resamples=score.resamples, seed=score.seed), line_style(0)
    filled = found.count > 0
    x, y = found.confidence[filled], found.right[filled]
    counts = axes.twinx()
    width = np.diff(found.edges)
    counts.bar(found.edges[:-1], found.count, width, align="edge", color="#d9d9d9", edgecolor="white")
    counts.set_ylim(0, 3.2 * found.count.max())  # in the lowest third, out of the way of the curve
    counts.set_yticks([0, found.count.max()])
    counts.tick_params(labelsize=7, colors=_GREY)
    counts.set_ylabel(f"{score.level}s", fontsize=8, color=_GREY, loc="bottom")
    counts.spines[["top", "left"]].set_visible(False)
    axes.set_zorder(counts.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    axes.vlines(x, found.low[filled], found.high[filled], color=style["color"], linewidth=1.4)
    axes.plot(x, y, marker=style["marker"], markersize=5, color=style["color"], linewidth=0.8)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    chance = "" if np.isnan(found.by_chance[1]) else f" (by chance: up to {found.by_chance[1]:.3f})"
    title = f"Reliability: off by {found.ece:.3f}{chance}"
    _finish(axes, title, "confidence: probability of the call", "share that is right")


def _benefit(axes: Axes, predictions: Predictions, score: Score) -> None:
    found = net_benefit(predictions)
    name = label_text(score.labels[1], 24) if len(score.labels) == 2 else "disease"
    lines = {
        "called by the model": found.model,
        "all called": found.treat_all,
        "none called": np.zeros_like(found.model),
    }
    for n, (label, values) in enumerate(lines.items()):
        style = line_style((0, 1, 4)[n])
        axes.plot(
            found.thresholds, values, color=style["color"], linestyle=style["linestyle"], linewidth=1.5, label=label
        )
    top = max(found.treat_all[0], found.model.max(), 0.01)
    axes.set(xlim=(0, 1), ylim=(-0.36 * top, 1.1 * top))
    _finish(axes, f"Net benefit of calling {name}", f"threshold: probability of {name}", "net benefit a case")
    axes.legend(loc="lower left", fontsize=7.5, framealpha=0.85, edgecolor="none")


def _finish(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


_PANELS: dict[str, Callable[[Axes, Predictions, Score], None]] = {
    "confusion": _confusion,
    "roc": _roc,
    "precision": _precision,
    "labels": _labels,
    "reliability": _reliability,
    "benefit": _benefit,
}
