import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tfcovid.evaluation.ranking import ranking


def test_areas_and_precisions_agree_with_scikit_learn_with_ties_and_weights(monkeypatch):
    monkeypatch.setattr("tfcovid.evaluation.ranking._BLOCK", 200)  # four rows at once
    rng = np.random.default_rng(0)
    positive, scores = rng.random(50) < 0.3, rng.random(50).round(1)
    weights = rng.integers(0, 4, (10, 50)).astype(float)
    areas, precisions = ranking(positive, scores, weights)
    for n, row in enumerate(weights):
        assert areas[n] == pytest.approx(roc_auc_score(positive, scores, sample_weight=row), abs=1e-12)
        assert precisions[n] == pytest.approx(average_precision_score(positive, scores, sample_weight=row), abs=1e-12)


def test_one_kind_of_cases_has_no_area():
    scores, weights = np.array([0.2, 0.4]), np.ones((1, 2))
    areas, precisions = ranking(np.array([True, True]), scores, weights)
    assert np.isnan(areas[0]) and precisions[0] == 1
    areas, precisions = ranking(np.array([False, False]), scores, weights)
    assert np.isnan(areas[0]) and np.isnan(precisions[0])
    areas, precisions = ranking(np.array([True, False]), scores, np.array([[0.0, 1.0]]))  # drawn without the positive
    assert np.isnan(areas[0]) and np.isnan(precisions[0])
