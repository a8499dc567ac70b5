"""Whether a scan looks like those that a system was trained on."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfcovid.config.schema import Window
from tfcovid.scans import Finding

_SLICES = 16  # looked at in a scan
_PIXELS = 2**20  # of them
_ENOUGH = 10  # scans, below which nothing is said of what is usual
_PERCENTILES = {"darkest 5 % of the pixels below": 5, "median of the pixels": 50, "brightest 5 % above": 95}
_RARE = 0.01  # share of the training scans
_LEAST_HU = 50.0  # of the interquartile range, where the training scans do not vary


def looked_at(slices: int) -> np.ndarray:
    """Numbers of the slices that `scan_statistics` is of: sixteen at most, evenly spaced."""
    return np.unique(np.linspace(0, slices - 1, min(slices, _SLICES)).round().astype(int))


def scan_statistics(hu: np.ndarray) -> dict[str, float]:
    """Percentiles of the pixels of a scan, HU.

    Args:
        hu: `(slices, height, width)` int16, those of `looked_at`, as `network_slices` or the store gives them.
    """
    step = max(1, int(np.ceil(np.sqrt(hu.size / _PIXELS))))
    seen = hu[:, ::step, ::step]
    found = np.percentile(seen, list(_PERCENTILES.values())).tolist()
    return dict(zip(_PERCENTILES, found, strict=True))


def training_range(statistics: Iterable[dict[str, float]]) -> dict[str, Any] | None:
    """Quartiles and extremes of each statistic over the training scans; None for fewer than ten.

    Returns:
        Ready for JSON: "scans", and "values": name -> lowest, first quartile, median, third quartile, highest.
    """
    rows = list(statistics)
    if len(rows) < _ENOUGH:
        return None
    quartiles = {name: np.percentile([row[name] for row in rows], [0, 25, 50, 75, 100]) for name in rows[0]}
    return {"scans": len(rows), "values": {name: np.round(found, 2).tolist() for name, found in quartiles.items()}}


def unlike_training(
    statistics: dict[str, float], findings: Sequence[Finding], bundle: dict[str, Any], window: Window
) -> list[str] | None:
    """What sets a scan apart from all that a system was trained on, in words; None where the bundle does not say.

    A statistic is out of range beyond every training scan and beyond three interquartile ranges from the quartiles
    (Tukey's outer fences; the range counts as 50 HU at least). What the window makes black or white alike is alike
    here too. How many slices a scan has does not matter: it is a habit of the scanner. Of the findings of the scan's
    checks those above "info" count that less than one in a hundred scans of training and validation had.

    Args:
        bundle: facts of the bundle: "training_range", "findings" and "data", see `tfcovid.training.train`.
        window: that the networks see scans through.
    """
    known = bundle.get("training_range")
    if known is None:
        return None
    black = min(*window.train, *window.predict) - window.width / 2
    white = max(*window.train, *window.predict) + window.width / 2
    warnings = []
    for name in _PERCENTILES:
        seen, *of_training = np.clip([statistics[name], *known["values"][name]], black, white)
        lowest, first, _, third, highest = of_training
        spread = max(third - first, _LEAST_HU)
        if not min(lowest, first - 3 * spread) <= seen <= max(highest, third + 3 * spread):
            usual = f"{lowest:.0f} to {highest:.0f}" if highest > lowest else f"{lowest:.0f}"
            warnings.append(f"{name}: {seen:.0f} HU; in training {usual} HU")
    scans = sum(sum(counts.values()) for counts in bundle["data"].values())
    for finding in findings:
        had = bundle["findings"].get(finding.name, 0)
        if finding.severity != "info" and had < _RARE * scans:
            warnings.append(f"{finding.name}, which {had} of {scans} scans of training and validation had")
    return warnings
