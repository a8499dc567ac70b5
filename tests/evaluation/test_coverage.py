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


def _draw(rng: np.random.Generator, patients: int, area: float, several: bool, sick: int = 0) -> Predictions:
    """Normal scores of this AUC, called at a true sensitivity of 0.9; one scan, or one to three, a patient.

    Every patient is sick by chance, or just so many are.
    """
    shift = norm.ppf(area) * np.sqrt(2)
    patient = np.repeat(np.arange(patients), rng.integers(1, 4, patients) if several else 1)
    ill = np.arange(patients) < sick if sick else rng.random(patients) < SICK
    truth = ill.astype(int)[patient]
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
    found = _covered(area, several, sets=10_000, resamples=500)
    assert all(0.935 <= ours <= 0.965 for ours, _ in found.values()), found
    ours, percentile = found["sensitivity_covid"]
    assert percentile < ours  # which is why they are not percentiles


def test_intervals_are_near_what_they_say():
    """Few data sets: of a right interval 10 of 200 miss, and 20 hardly ever; of a much too narrow one more do."""
    found = _covered(0.95, False, sets=200, resamples=200)
    assert all(ours > 0.9 for ours, _ in found.values()), found


def _few(sick: int, several: bool, sets: int, resamples: int) -> dict[str, float]:
    """name -> the share of data sets of so many sick patients and 100 others whose interval holds the truth."""
    many = _draw(np.random.default_rng(99), 400_000, 0.85, several, 200_000)
    names = ("auc_covid", "sensitivity_covid", "balanced_accuracy")  # which know no prevalence
    truth = {name: values[0] for name, values in measure(many, np.ones((1, len(many.truth)))).items() if name in names}
    rng, held = np.random.default_rng(2020), Counter()
    for seed in range(sets):
        found = score(_draw(rng, 100 + sick, 0.85, several, sick), resamples, seed).figures
        held.update(name for name in names if found[name].low <= truth[name] <= found[name].high)
    shares = {name: held[name] / sets for name in names}
    words = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    print(f"\n{sick} of {100 + sick} patients, {'one to three scans' if several else 'one scan'} each: {words}")
    return shares


@pytest.mark.slow
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("sick", [1, 2, 3, 5, 10, 20])
def test_few_patients_do_not_make_intervals_narrow(sick, several):
    found = _few(sick, several, sets=1000, resamples=300)
    assert found["auc_covid"] > 0.935
    # Wilson's interval of one patient who is missed, which happens to one in ten, ends at 0.79.
    assert min(found["sensitivity_covid"], found["balanced_accuracy"]) > (0.87 if sick == 1 else 0.9)


@pytest.mark.parametrize("sick", [1, 3, 10])
def test_a_handful_of_patients_does_not_make_intervals_narrow(sick):
    """Of AUC's intervals that take no notice of it 60, 20 and 9 of 100 would miss."""
    found = _few(sick, False, sets=100, resamples=100)
    assert found["auc_covid"] > 0.9 and found["balanced_accuracy"] > 0.8
