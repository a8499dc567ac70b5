from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfcovid.into_place import into_place


def draw_click_curve(curves: Sequence[Mapping[int, float]], png: Path, notice: str = "Research use only.") -> None:
    """What clicks are worth: Dice against the number of simulated clicks, each scan in grey and their mean.

    Args:
        curves: of every scan, number of clicks -> Dice; see `click_curve`.
        png: written, or replaced, whole.
    """
    counts = list(curves[0])
    values = np.array([[curve[count] for count in counts] for curve in curves])
    figure = Figure(figsize=(5.2, 3.6), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.plot(counts, values.T, color="#b8b8b8", linewidth=0.8)
    axes.plot(counts, values.mean(axis=0), "o-", color="#1f5fa8", linewidth=2)
    for count, mean in zip(counts, values.mean(axis=0), strict=True):
        axes.annotate(f"{mean:.3f}", (count, mean), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8)
    axes.set(xlabel="simulated clicks", ylabel="Dice of the infection", ylim=(0, 1.05), xticks=counts)
    axes.set_title(f"Mean of {len(curves)} scans, and each of them", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(notice, fontsize=7, color="#555555")
    into_place(png, figure.savefig)
