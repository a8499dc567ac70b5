from typing import Any

import numpy as np

from tfcovid.config import Config
from tfcovid.report.rounded import rounded


def uncertainty(answers: np.ndarray, mean: np.ndarray, label: int, config: Config) -> dict[str, Any]:
    """How far single answers lie apart, and whether a radiologist should decide.

    A single answer is what one member of an ensemble says of one draw of slices through one CT window; the diagnosis
    is their mean. Their spread is that of the system, not of its errors: what it never learnt it may say with one
    voice.

    Args:
        answers: `(answers, labels)` probabilities; for "nonparametric" the shares of slices called so.
        mean: `(labels,)`, what the diagnosis says.
        label: number of the label that was called.

    Returns:
        Ready for JSON. "probabilities": label -> lowest and highest single answer. "answers": their number.
        "agreeing": share of them that call `label`. "confidence": the probability of what was called; where
        `patient_net` is nonparametric and a disease was called, its share among the slices that show any.
        "refer": whether that is below "refer_below", which the config sets. "reasons": why, in words.
    """
    confidence = float(mean[label])
    if config.patient_net.kind == "nonparametric" and label > 0:
        confidence /= max(float(1 - mean[0]), 1e-9)
    agreeing = float(np.mean([config.decide(one) == label for one in answers]))
    name, reasons = config.labels[label], []
    if confidence < config.refer_below:
        reasons.append(f"the confidence in {name} is {rounded(confidence, 2)}, below {config.refer_below:.2f}")
        if agreeing < 1:
            reasons.append(f"{1 - agreeing:.0%} of {len(answers)} single answers call something else")
    return {
        "probabilities": {
            one: {"low": float(low), "high": float(high)}
            for one, low, high in zip(config.labels, answers.min(axis=0), answers.max(axis=0), strict=True)
        },
        "answers": len(answers),
        "agreeing": agreeing,
        "confidence": confidence,
        "refer": bool(reasons),
        "refer_below": config.refer_below,
        "reasons": reasons,
    }
