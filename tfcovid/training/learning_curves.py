"""The figure of how a stage learned."""

import csv
from math import isfinite, nan
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfcovid.into_place import into_place

_COLOURS = {"training": "#1f5fa8", "validation": "#d1701a"}
_STYLES = ("-", "--", ":", "-.")
_COLUMNS = 3  # panels side by side, at most


def draw_learning_curves(log_csv: Path, png: Path, title: str, kept: int | None = None) -> None:
    """Loss and each metric against the epoch, training and validation, as papers 001 and 004 print them.

    A network of several outputs has the curves of all of them in one panel a metric, told apart by their dashes.

    Args:
        log_csv: with the columns `epoch` and, for each figure, its name, `val_` before those of validation; an output's
            name stands before its figures (`val_lesion_accuracy`). Empty fields leave a gap.
        png: written, or replaced, whole.
        kept: the epoch whose weights were kept, marked by a line.
    """
    with log_csv.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = {name: [_number(row.get(name)) for row in rows] for name in rows[0] if name} if rows else {}
    epochs = columns.pop("epoch", [])
    # "" is the whole network, or the only output there is.
    losses = [name.removesuffix("_loss") for name in columns if name.endswith("_loss")]
    outputs = ["", *(name for name in losses if not name.startswith("val_") and name != "val")]
    panels = _panels(columns, outputs)

    wide = min(len(panels), _COLUMNS) or 1
    high = -(-len(panels) // wide) or 1
    figure = Figure(figsize=(4.2 * wide, 3.2 * high + 0.4), dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    for n, (metric, curves) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(high, wide, n)
        for output, split, name in curves:
            label = f"{split}, {output or 'total'}" if len(outputs) > 1 else split
            style = _STYLES[outputs.index(output) % len(_STYLES)]
            axes.plot(epochs, columns[name], style, color=_COLOURS[split], marker=".", label=label, lw=1.4)
        if kept is not None:
            axes.axvline(kept, color="#777777", lw=0.8, ls=(0, (1, 2)), label=f"kept: epoch {kept:g}", zorder=0)
        axes.set_title(metric.replace("_", " "), fontsize=10)
        axes.set_xlabel("epoch", fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=8)
        axes.grid(color="#e6e6e6")
        axes.legend(fontsize=7, frameon=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    into_place(png, figure.savefig)


def _panels(columns: dict[str, list[float]], outputs: list[str]) -> dict[str, list[tuple[str, str, str]]]:
    """Metric -> its curves: output, "training" or "validation", column. Loss comes first."""
    panels: dict[str, list[tuple[str, str, str]]] = {}
    for name, values in columns.items():
        if not any(map(isfinite, values)):
            continue
        split = "validation" if name.startswith("val_") else "training"
        metric = name.removeprefix("val_")
        output = next((one for one in outputs[1:] if metric.startswith(f"{one}_")), "")
        panels.setdefault(metric.removeprefix(f"{output}_" if output else ""), []).append((output, split, name))
    first = ("loss", *sorted(set(panels) - {"loss", "learning_rate"}), "learning_rate")
    return {metric: sorted(panels[metric]) for metric in first if metric in panels}


def _number(text: str | None) -> float:
    try:
        return float(text or nan)
    except ValueError:
        return nan
