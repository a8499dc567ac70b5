from dataclasses import dataclass

import numpy as np

from tfcovid.evaluation.predictions import Predictions


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit at each threshold probability: true positives a case, less false ones at the threshold's odds.

    `model` calls who scores at least the threshold, `treat_all` calls everybody; calling nobody has 0.
    """

    thresholds: np.ndarray
    model: np.ndarray
    treat_all: np.ndarray


def net_benefit(predictions: Predictions, thresholds: np.ndarray | None = None) -> NetBenefit:
    """The decision curve of disease, any label but the first, by its probability (Vickers and Elkin, Medical Decision
    Making 26, 2006).

    Args:
        thresholds: in (0, 1); by default 0.01 to 0.99.
    """
    thresholds = np.linspace(0.01, 0.99, 99) if thresholds is None else np.asarray(thresholds, float)
    ill, scores = predictions.truth > 0, 1 - predictions.probabilities[:, 0]
    # 1 - p is not exactly the probability it stands for.
    called = scores >= thresholds[:, None] - 1e-12
    odds = thresholds / (1 - thresholds)
    model = (called & ill).mean(axis=1) - (called & ~ill).mean(axis=1) * odds
    return NetBenefit(thresholds, model, ill.mean() - (~ill).mean() * odds)
