from collections.abc import Sequence

import numpy as np

from tfcovid.export.edge_chain import EdgeAnswer
from tfcovid.inference import Diagnosis


def edge_differences(answers: Sequence[EdgeAnswer], references: Sequence[Diagnosis]) -> dict[str, float]:
    """How far exported members of a system are from the bundle's on one scan, as the largest of all differences.

    Returns:
        "scan": of the probabilities of the scan, in any window, the mean over the members; "slices": of those of a
        slice, of any member; "lesion_map", in [0, 1], of those members that make one.
    """
    by_window = [list(one.by_window.values()) for one in references]
    found = {"scan": _largest(np.mean([one.by_window for one in answers], axis=0), np.mean(by_window, axis=0))}
    pairs = list(zip(answers, references, strict=True))
    names = "slice_probabilities", "lesion_probabilities"
    found["slices"] = max(_largest(getattr(one, name), getattr(other, name)) for one, other in pairs for name in names)
    maps = [_largest(one.lesion_map, other.small_map) for one, other in pairs if other.small_map is not None]
    return found | ({"lesion_map": max(maps)} if maps else {})


def _largest(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())
