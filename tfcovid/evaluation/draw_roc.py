from collections.abc import Mapping

from matplotlib.figure import Figure

from tfcovid.evaluation.label_text import label_text
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.roc_panel import roc_panel
from tfcovid.evaluation.score import Score


def draw_roc(
    systems: Mapping[str, Predictions], scores: Mapping[str, Score], notice: str = "Research use only."
) -> Figure:
    """The ROC curves of systems in one figure, and where each stands with what it called.

    With two labels there is one panel. With more, the first is of any disease against the first label, and each
    further one of one label against all others.

    Args:
        systems: name -> predictions, all of the same labels.
        scores: name -> their score, whose areas and intervals stand in the legend.
    """
    labels = next(iter(systems.values())).labels
    panels = range(len(labels)) if len(labels) > 2 else (1,)
    columns = {1: 1, 2: 2, 4: 2}.get(len(panels), 3)
    rows = -(-len(panels) // columns)
    side = 5.6 if len(panels) == 1 else 4.6
    figure = Figure(figsize=(side * columns, (side + 0.2) * rows + 0.2), dpi=150, layout="constrained")
    for place, n in enumerate(panels, 1):
        axes = figure.add_subplot(rows, columns, place)
        label, negative = label_text(labels[n], 24), label_text(labels[0], 24)
        against = negative if len(labels) == 2 else "all others"
        title = f"Any disease against {negative}" if n == 0 else f"{label} against {against}"
        roc_panel(axes, [(name, one, scores[name], n) for name, one in systems.items()], title)
    words = f"Marks: what was called. In brackets: 95 % intervals of the area under the curve. {notice}"
    figure.supxlabel(words, fontsize=7, color="#555555")
    return figure
