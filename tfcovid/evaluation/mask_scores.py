"""How well masks agree with the truth, label by label."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfcovid.errors import InputError
from tfcovid.evaluation.surface_distances import surface_distances

UNLABELLED = 255


@dataclass(frozen=True)
class LabelScore:
    """One label in one scan; NaN where a figure is not defined.

    A label that only one of the two masks has scores Dice 0, without distances: they would be infinite. One that
    neither has is without Dice and distances, and its volume error is 0 ml. The error in per cent is of the true
    volume, and not defined without one.

    Attributes:
        dice: 2 |truth and prediction| / (|truth| + |prediction|).
        hausdorff95_mm: the larger of the two 95th percentiles of the distances from one surface to the other.
        surface_distance_mm: the mean of these distances, both ways together.
        truth_ml, predicted_ml: volumes.
        case: "both" masks have the label, or "truth empty", "prediction empty", "both empty".
    """

    dice: float
    hausdorff95_mm: float
    surface_distance_mm: float
    truth_ml: float
    predicted_ml: float
    volume_error_ml: float
    volume_error_percent: float
    case: str


@dataclass(frozen=True)
class MaskScores:
    """The figures of one scan: the share of labelled voxels with the right label, and each label's own."""

    voxel_accuracy: float
    labels: dict[str, LabelScore]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a label, for a table."""
        return [
            {"label": name, **asdict(one), "voxel_accuracy": self.voxel_accuracy} for name, one in self.labels.items()
        ]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over the patients that have the figure; NaN without any."""

    mean: float
    std: float
    patients: int


@dataclass(frozen=True)
class MaskSummary:
    """Figures over patients, and how many scans of each label were empty cases (`LabelScore.case`)."""

    scans: int
    patients: int
    voxel_accuracy: Spread
    labels: dict[str, dict[str, Spread]]
    cases: dict[str, dict[str, int]]


def mask_scores(
    truth: np.ndarray, prediction: np.ndarray, labels: Sequence[str], spacing: tuple[float, float, float] | None
) -> MaskScores:
    """Scores the mask of one scan.

    Args:
        truth: (slices, height, width), label numbers; 255 is unlabelled, and what is predicted there does not count.
        prediction: (slices, height, width), label numbers.
        labels: their names; the first is the background, which has no figures of its own.
        spacing: mm (slice, row, column); None where it is not known, and then nothing in mm or ml is either.

    Raises:
        InputError: masks of different shapes, or a number that has no label.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or truth.ndim != 3:
        raise InputError(
            "Truth and prediction must be of one scan, with the axes (slices, height, width). "
            f"Received: shapes {truth.shape} and {prediction.shape}"
        )
    known = truth != UNLABELLED
    for name, mask in (("truth", truth[known]), ("prediction", prediction)):
        if mask.size and not 0 <= mask.min() <= mask.max() < len(labels):
            raise InputError(
                f"The {name} holds a number that is none of the labels {', '.join(labels)}. "
                f"Received: {mask.min()} to {mask.max()}"
            )
    right = np.count_nonzero((truth == prediction) & known)
    accuracy = right / np.count_nonzero(known) if known.any() else np.nan
    unknown = None if known.all() else known
    ml = float(np.prod(spacing)) / 1000 if spacing else np.nan
    return MaskScores(
        float(accuracy),
        {
            name: _score(truth == n, (prediction == n) & known, spacing, unknown, ml)
            for n, name in enumerate(labels)
            if n
        },
    )


def summarise(scores: Iterable[MaskScores], patients: Iterable[str | int] | None = None) -> MaskSummary:
    """Mean and standard deviation (n - 1; NaN of a single patient) over patients.

    A patient with several scans counts once, by their mean; figures that are not defined (NaN) are left out.

    Args:
        patients: whose scan it is; by default every scan is of another patient.

    Raises:
        InputError: no scans, scans of different labels, or another number of patients than of scans.
    """
    scores = list(scores)
    patients = list(range(len(scores)) if patients is None else patients)
    if not scores or len(patients) != len(scores) or any(list(one.labels) != list(scores[0].labels) for one in scores):
        raise InputError(
            "Scores of at least one scan are needed, all with the same labels, and as many patients. "
            f"Received: {len(scores)} scores and {len(patients)} patients"
        )
    labels, cases = {}, {}
    for name in scores[0].labels:
        found = [one.labels[name] for one in scores]
        figures = [key for key in asdict(found[0]) if key != "case"]
        labels[name] = {key: _spread([getattr(one, key) for one in found], patients) for key in figures}
        cases[name] = {
            case: sum(one.case == case for one in found)
            for case in ("both", "truth empty", "prediction empty", "both empty")
        }
    accuracy = _spread([one.voxel_accuracy for one in scores], patients)
    return MaskSummary(len(scores), len(set(patients)), accuracy, labels, cases)


def _score(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: tuple[float, float, float] | None,
    known: np.ndarray | None,
    ml: float,
) -> LabelScore:
    true, predicted = int(np.count_nonzero(truth)), int(np.count_nonzero(prediction))
    dice = hausdorff = mean = np.nan
    if true or predicted:
        dice = 2 * np.count_nonzero(truth & prediction) / (true + predicted)
    if true and predicted and spacing:
        both_ways = surface_distances(truth, prediction, spacing, known)
        if len(both_ways[0]):
            hausdorff = max(np.percentile(one, 95) for one in both_ways)
            mean = np.concatenate(both_ways).mean()
    case = ("both" if predicted else "prediction empty") if true else ("truth empty" if predicted else "both empty")
    return LabelScore(
        float(dice),
        float(hausdorff),
        float(mean),
        true * ml,
        predicted * ml,
        (predicted - true) * ml,
        100 * (predicted - true) / true if true else np.nan,
        case,
    )


def _spread(values: list[float], patients: list[str | int]) -> Spread:
    of_patient: dict[str | int, list[float]] = {}
    for value, patient in zip(values, patients, strict=True):
        if np.isfinite(value):
            of_patient.setdefault(patient, []).append(value)
    means = [float(np.mean(found)) for found in of_patient.values()]
    return Spread(
        float(np.mean(means)) if means else np.nan,
        float(np.std(means, ddof=1)) if len(means) > 1 else np.nan,
        len(means),
    )
