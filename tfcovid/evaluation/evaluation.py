from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfcovid.errors import InputError
from tfcovid.evaluation.operating_points import OperatingPoint, operating_points
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import Score, score


@dataclass(frozen=True)
class Evaluation:
    """All that is known of some predictions.

    Attributes:
        predictions: of the level that was asked for.
        score: of them.
        others: of the other levels there are.
        points: thresholds that were found on validation, see `operating_points`.
    """

    predictions: Predictions
    score: Score
    others: tuple[Score, ...] = ()
    points: tuple[OperatingPoint, ...] = ()

    def __str__(self) -> str:
        rows = [f"  {point}" for point in self.points]
        head = ["Thresholds from validation:"] if rows else []
        return "\n".join([str(self.score), *head, *rows])


def evaluate(
    levels: Mapping[str, Predictions],
    level: str = "scan",
    validation: Predictions | None = None,
    wanted: Sequence[float] = (0.9, 0.95),
    positive: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    decide: Callable[[np.ndarray], int] | None = None,
    apart: bool = True,
) -> Evaluation:
    """Scores predictions at every level they give.

    Args:
        levels: "slice" or "scan" -> predictions. Where there are scans, "patient" is their mean over each patient.
        level: the one that the evaluation is about.
        validation: other predictions of "scan", on which thresholds for the `wanted` sensitivities are found.
        positive: the label that these sensitivities are of; by default any but the first.
        decide: what a patient of these mean probabilities is called, see `Predictions.by_patient`.
        apart: names of cases and patients in validation mean the same as in `levels`, and none is in both.

    Raises:
        InputError: a level that is not there, or validation on what is evaluated.
    """
    levels = dict(levels)
    scans = levels.get("scan")
    if scans and (level == "patient" or len(set(scans.patients)) < len(scans.cases)):
        levels["patient"] = scans.by_patient(decide)
    if level not in levels:
        raise InputError(f"there are no predictions of a {level}. Received: those of {', '.join(levels)}")
    found = {name: score(one, resamples, seed) for name, one in levels.items()}
    points = ()
    if validation and level != "slice":
        both = sorted(set(validation.patients) & set(levels[level].patients) if apart else ())
        if both:
            raise InputError(
                f"{len(both)} patients are both in validation and in what is evaluated, where thresholds that were "
                f"found on them flatter. Received: {both[0]}"
            )
        validation = validation.by_patient(decide) if level == "patient" else validation
        points = tuple(operating_points(validation, levels[level], wanted, positive, resamples, seed))
    others = tuple(one for name, one in found.items() if name != level)
    return Evaluation(levels[level], found[level], others, points)
