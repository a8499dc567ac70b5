from typing import Any

# Okabe and Ito, without yellow, which vanishes on white: told apart by readers who do not see red and green apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def line_style(n: int) -> dict[str, Any]:
    """How the n-th line of a figure is drawn; the dashes tell them apart in print without colours as well."""
    return {
        "color": _COLOURS[n % len(_COLOURS)],
        "linestyle": _DASHES[n % len(_DASHES)],
        "marker": _MARKERS[n % len(_MARKERS)],
    }
