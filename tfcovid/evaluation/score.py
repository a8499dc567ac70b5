from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from tfcovid.errors import InputError


@dataclass(frozen=True)
class Score:
    """Accuracy over patients, and for each label the area under the ROC curve against all others (NaN if absent)."""

    patients: int
    accuracy: float
    auc: dict[str, float]

    def __str__(self) -> str:
        rows = [f"  AUC {label:12} {value:.3f}" for label, value in self.auc.items()]
        return "\n".join([f"{self.patients} patients, accuracy {self.accuracy:.3f}", *rows])


def score(truth: Sequence[str], probabilities: Sequence[Mapping[str, float]]) -> Score:
    """Scores diagnoses against the truth.

    Args:
        truth: the label of each patient.
        probabilities: label -> probability of each patient, the same labels for all.

    Raises:
        InputError: no patients, or a truth that is none of the labels.
    """
    if not truth or len(truth) != len(probabilities):
        raise InputError(f"one diagnosis a patient is needed. Received: {len(probabilities)} for {len(truth)}")
    labels = list(probabilities[0])
    unknown = sorted(set(truth) - set(labels))
    if unknown:
        raise InputError(f"truth that no diagnosis can give: {', '.join(unknown)}. Labels: {', '.join(labels)}")
    scores = np.array([[one[label] for label in labels] for one in probabilities])
    is_label = np.array(truth)[:, None] == np.array(labels)
    auc = {
        label: float(roc_auc_score(is_label[:, n], scores[:, n])) if 0 < is_label[:, n].sum() < len(truth) else np.nan
        for n, label in enumerate(labels)
    }
    return Score(len(truth), float((np.array(labels)[scores.argmax(axis=1)] == truth).mean()), auc)
