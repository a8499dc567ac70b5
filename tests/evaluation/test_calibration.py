import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from tests.evaluation.test_measure import made
from tfcovid.evaluation.calibration import reliability
from tfcovid.evaluation.measure import measure
from tfcovid.evaluation.predictions import Predictions


def _answers(confidence: np.ndarray, right: np.ndarray) -> Predictions:
    names = tuple(map(str, range(len(right))))
    probabilities = np.stack([1 - confidence, confidence], axis=1)
    return Predictions(("healthy", "covid"), names, names, right.astype(int), probabilities, np.ones(len(right), int))


def test_bins_agree_with_scikit_learn_and_the_error_with_the_table():
    one = made(300, seed=7)
    found = reliability(one, bins=10, resamples=50)
    confidence = one.probabilities[np.arange(300), one.called]
    right, mean = calibration_curve(one.truth == one.called, np.minimum(confidence + 1e-9, 1), n_bins=10)
    filled = found.count > 0
    assert found.right[filled] == pytest.approx(right) and found.confidence[filled] == pytest.approx(mean, abs=1e-8)
    assert found.count.sum() == 300 and np.isnan(found.right[~filled]).all() and np.isnan(found.low[~filled]).all()
    assert reliability(one, resamples=50).ece == pytest.approx(measure(one, np.ones((1, 300)))["ece"][0])


def test_a_full_bin_has_the_interval_of_its_patients_and_a_sure_answer_is_in_the_last():
    right = np.arange(200) < 150
    found = reliability(_answers(np.full(200, 1.0), right), bins=5, resamples=4000)
    assert found.count.tolist() == [0, 0, 0, 0, 200] and found.ece == 0.25
    expected = binomtest(150, 200).proportion_ci(method="wilson")
    assert (found.low[4], found.high[4]) == pytest.approx((expected.low, expected.high), abs=3e-3)


def test_chance_alone_makes_an_error():
    rng = np.random.default_rng(0)
    confidence = rng.random(150)
    kept = reliability(_answers(confidence, rng.random(150) < confidence))
    assert 0.03 < kept.by_chance[0] < kept.by_chance[1] and kept.ece < kept.by_chance[1]
    false = reliability(_answers(np.full(150, 0.95), rng.random(150) < 0.6))
    assert false.ece > false.by_chance[1]


def test_what_chance_does_to_several_scans_of_a_patient_is_not_claimed():
    one = made(60, patients=20)
    assert np.isnan(reliability(one, resamples=20).by_chance).all()
    assert np.isfinite(reliability(made(60), resamples=20).by_chance).all()
