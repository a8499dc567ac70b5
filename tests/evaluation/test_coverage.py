"""Whether intervals that say 95 % hold the truth in 95 % of data sets. `pytest -m slow -s` prints a table."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import norm

from tfcovid.evaluation.boot_measure import boot_measure
from tfcovid.evaluation.measure import measure
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import score

PATIENTS, SICK = 200, 0.3


def _draw(rng: np.random.Generator, patients: int, area: float, several: bool) -> Predictions:
    """Normal scores of this AUC, called at a true sensitivity of 0.9; one scan, or one to three, a patient."""
    shift = norm.ppf(area) * np.sqrt(2)
    patient = np.repeat(np.arange(patients), rng.integers(1, 4, patients) if several else 1)
    truth = (rng.random(patients) < SICK).astype(int)[patient]
    own = rng.normal(size=len(patient))
    noise = np.sqrt(0.5) * (rng.normal(size=patients)[patient] + own) if several else own
    values = shift * truth + noise
    p = 1 / (1 + np.exp(-(shift * values - shift**2 / 2 + np.log(SICK / (1 - SICK)))))
    called = (values >= shift - norm.ppf(0.9)).astype(int)
    names = tuple(map(str, patient))
    return Predictions(("healthy", "covid"), names, names, truth, np.stack([1 - p, p], axis=1), called)


def _covered(area: float, several: bool, sets: int, resamples: int) -> dict[str, tuple[float, float]]:
    """name -> the share of data sets whose interval holds the truth: ours, and percentiles of the same resamples."""
    many = _draw(np.random.default_rng(99), 400_000, area, several)
    truth = measure(many, np.ones((1, len(many.truth))))
    truth = {name: values[0] for name, values in truth.items() if name != "ece"}
    rng, ours, percentile = np.random.default_rng(2020), Counter(), Counter()
    for seed in range(sets):
        one = _draw(rng, PATIENTS, area, several)
        for name, figure in score(one, resamples, seed).figures.items():
            ours[name] += name in truth and figure.low <= truth[name] <= figure.high
        if seed % 5 == 0:  # for one in five data sets will do to show that they are worse
            for name, values in boot_measure(one, resamples, seed).items():
                low, high = np.nanpercentile(values[1:], [2.5, 97.5])
                percentile[name] += 5 * (name in truth and low <= truth[name] <= high)
    print(f"\nAUC {area}, {'one to three scans' if several else 'one scan'} a patient")
    found = {name: (ours[name] / sets, percentile[name] / sets) for name in truth}
    for name, (share, other) in found.items():
        print(f"  {name:24} {truth[name]:.3f}  {100 * share:.1f} %  percentile {100 * other:.1f} %")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("area", "several"), [(0.85, False), (0.95, False), (0.85, True)])
def test_intervals_hold_the_truth_as_often_as_they_say(area, several):
    found = _covered(area, several, sets=10_000, resamples=1000)
    assert all(0.935 <= ours <= 0.965 for ours, _ in found.values()), found
    ours, percentile = found["sensitivity_covid"]
    assert percentile < ours  # which is why they are not percentiles


def test_intervals_are_near_what_they_say():
    """Few data sets: of a right interval 10 of 200 miss, and 20 hardly ever; of a much too narrow one more do."""
    found = _covered(0.95, False, sets=200, resamples=200)
    assert all(ours > 0.9 for ours, _ in found.values()), found
