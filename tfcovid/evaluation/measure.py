import numpy as np

from tfcovid.errors import InputError
from tfcovid.evaluation.calibration import bin_numbers
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.ranking import ranking


def measure(predictions: Predictions, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Every figure of some predictions, for each row of weights of the cases.

    - accuracy; balanced_accuracy: the mean sensitivity of the labels that occur; macro_f1: the mean F1 of the labels
      that are true or called of some case; auc_macro: the mean over the labels whose AUC is defined.
    - fpe, fne, fdpe (M3Lung-Sys, section IV.B): the share of the truly negative (the first label) that is called a
      disease, of the truly diseased that is called negative, and of the truly diseased that is called another disease.
    - brier: half the mean squared distance of probabilities and truth, in [0, 1]; of two labels the usual Brier score.
      ece: the expected calibration error, see `tfcovid.evaluation.calibration`.
    - of each label against the others: sensitivity_, specificity_, ppv_, npv_, f1_, auc_ and average_precision_ with
      the label behind. Of two labels only those of the second: the first's say the same with names exchanged.

    Args:
        weights: `(rows, cases)`, not negative, such as how often each case was drawn, see `boot_counts`.

    Returns:
        name -> `(rows,)`, NaN where it is not defined. fdpe only with three labels or more.

    Raises:
        InputError: a label is called macro.
    """
    labels, truth, called = predictions.labels, predictions.truth, predictions.called
    if "macro" in labels:
        raise InputError(f"a label cannot be called macro: auc_macro is a mean. Received: {', '.join(labels)}")
    count, cases = len(labels), len(truth)
    probabilities = predictions.probabilities
    weights = np.asarray(weights, float)
    right, confidence = truth == called, probabilities[np.arange(cases), called]
    bins, squares = bin_numbers(confidence), ((probabilities - np.eye(count)[truth]) ** 2).sum(axis=1) / 2
    # All that is linear in the weights in one product: the confusion matrix, squares, and what each bin is off by.
    cells = np.zeros((cases, count**2 + 1 + bins.max() + 1))
    cells[np.arange(cases), truth * count + called] = 1
    cells[:, count**2] = squares
    cells[np.arange(cases), count**2 + 1 + bins] = right - confidence
    sums = weights @ cells
    table = sums[:, : count**2].reshape(-1, count, count)  # (rows, truth, called)
    total, true, calls = table.sum(axis=(1, 2)), table.sum(axis=2), table.sum(axis=1)
    hits = np.diagonal(table, axis1=1, axis2=2)
    ill = total - true[:, 0]

    with np.errstate(invalid="ignore", divide="ignore"):
        of_label = {
            "sensitivity": hits / true,
            "specificity": 1 - (calls - hits) / (total[:, None] - true),
            "ppv": hits / calls,
            "npv": 1 - (true - hits) / (total[:, None] - calls),
            "f1": 2 * hits / (true + calls),
        }
        found = {
            "accuracy": hits.sum(axis=1) / total,
            "balanced_accuracy": _mean(of_label["sensitivity"]),
            "macro_f1": _mean(of_label["f1"]),
            "auc_macro": None,  # its place in the table
            "fpe": 1 - hits[:, 0] / true[:, 0],
            "fne": (calls[:, 0] - hits[:, 0]) / ill,
            "fdpe": (ill - hits[:, 1:].sum(axis=1) - (calls[:, 0] - hits[:, 0])) / ill,
            "brier": sums[:, count**2] / total,
            "ece": np.abs(sums[:, count**2 + 1 :]).sum(axis=1) / total,
        }
    if count == 2:
        del found["fdpe"]
    shown = range(count) if count > 2 else (1,)
    ranked = {n: ranking(truth == n, probabilities[:, n], weights) for n in shown}
    found["auc_macro"] = _mean(np.stack([areas for areas, _ in ranked.values()], axis=1))
    for n in shown:
        found |= {f"{name}_{labels[n]}": values[:, n] for name, values in of_label.items()}
        areas, precisions = ranked[n]
        found[f"auc_{labels[n]}"] = areas
        found[f"average_precision_{labels[n]}"] = np.where(np.isnan(areas), np.nan, precisions)  # 1 without others
    return found


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the labels `(rows, labels)` that are defined, NaN where none is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)
