from collections.abc import Mapping, Sequence
from typing import Any

_TITLES = {
    "network": "network",
    "precision": "precision",
    "megabytes": "MB",
    "milliseconds": "ms",
    "difference": "largest difference",
    "auc": "AUC",
    "auc_change": "change of AUC",
}


def edge_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a Markdown table of the rows of an `export.json`; columns that no row fills are left out."""
    names = [name for name in _TITLES if any(row.get(name) is not None for row in rows)]
    lines = [[_TITLES[name] for name in names], ["---"] * len(names)]
    lines += [[_text(name, row.get(name)) for name in names] for row in rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _text(name: str, value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if name == "difference":
        return f"{value:.1e}"
    if name == "auc_change":
        return f"{value:+.4f}"
    return f"{value:.4f}" if name == "auc" else f"{value:.2f}"
