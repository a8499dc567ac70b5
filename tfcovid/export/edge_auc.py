from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tfcovid.errors import InputError
from tfcovid.evaluation.ranking import ranking
from tfcovid.export.evidence import Evidence
from tfcovid.scans import Scan


def edge_auc(answer: Callable[[Scan], np.ndarray], evidence: Evidence, labels: Sequence[str]) -> float | None:
    """Area under the ROC curve on the labelled scans, of several labels the mean of each against the others.

    Scans of the training split count only where there are no others. None where there are no two labels to tell apart.

    Args:
        answer: from a scan to the probabilities of the labels.

    Raises:
        InputError: a scan of another label.
    """
    held_out = [entry for entry in evidence.entries if entry.split != "train"] or evidence.entries
    strange = {entry.label for entry in held_out} - set(labels)
    if strange:
        raise InputError(f"manifest: the labels are {', '.join(labels)}. Received: {', '.join(sorted(strange))}")
    if len({entry.label for entry in held_out}) < 2:
        return None
    truth = np.array([labels.index(entry.label) for entry in held_out])
    scores = np.array([answer(scan) for _, scan in replace(evidence, entries=held_out).scans()])
    # Of two labels the areas are one and the same.
    there = sorted(set(truth.tolist()))
    columns = there[1:] if len(labels) == 2 else there
    return float(np.mean([ranking(truth == n, scores[:, n], np.ones((1, len(truth))))[0][0] for n in columns]))
