import numpy as np

from tfcovid.evaluation.predictions import Predictions


def fewest_patients(predictions: Predictions) -> dict[str, tuple[int, str]]:
    """name of a figure of `measure` -> patients of the fewest kind of cases that it needs, and what to say if none.

    A sensitivity needs cases of the label, an AUC also others: five patients with it among a hundred are five.
    """
    truth, called, level = predictions.truth, predictions.called, predictions.level
    every = [(truth >= 0, "")]
    occurring = [(truth == n, "") for n in np.unique(truth)]
    only = predictions.labels[truth[0]]
    found = {
        "accuracy": every,
        "brier": every,
        "ece": every,
        "balanced_accuracy": occurring,
        "macro_f1": occurring,
        "auc_macro": [*occurring, (truth != truth[0], f"every {level} is of {only}")],
    }
    for n, label in enumerate(predictions.labels):
        true, other = (truth == n, f"no {level} is of {label}"), (truth != n, f"every {level} is of {label}")
        found |= {
            f"sensitivity_{label}": [true],
            f"specificity_{label}": [other],
            f"ppv_{label}": [(called == n, f"no {level} was called {label}")],
            f"npv_{label}": [(called != n, f"every {level} was called {label}")],
            f"f1_{label}": [((truth == n) | (called == n), f"no {level} is of {label}, and none was called it")],
            f"auc_{label}": [true, other],
            f"average_precision_{label}": [true, other],
        }
        if n == 0:
            found |= {"fpe": [true], "fne": [other], "fdpe": [other]}
    number = np.unique(predictions.patients, return_inverse=True)[1]
    fewest = {}
    for name, kinds in found.items():
        counts = [(len(np.unique(number[mask])), why) for mask, why in kinds]
        fewest[name] = min(counts, key=lambda one: one[0])
    return fewest
