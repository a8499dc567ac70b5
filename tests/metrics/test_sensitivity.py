import numpy as np
from sklearn.metrics import recall_score

from tests.metrics.test_confusion_matrix import filled, samples
from tests.parity import report
from tfcovid.metrics import Sensitivity


def test_equals_scikit_learn_recall_for_every_class():
    truth, scores = samples()
    weight = np.random.default_rng(1).uniform(0, 2, len(truth))
    expected = recall_score(truth, scores.argmax(1), average=None, sample_weight=weight)
    found = [filled(Sensitivity(label, 4), truth, scores, weight) for label in range(4)]
    report("Sensitivity", "scikit-learn recall_score", found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_zero_where_the_class_does_not_occur():
    truth, scores = np.array([0, 1]), np.eye(4, dtype="float32")[[0, 2]]
    expected = recall_score(truth, scores.argmax(1), labels=[2], average=None, zero_division=0)
    assert filled(Sensitivity(2, 4), truth, scores) == expected == 0
