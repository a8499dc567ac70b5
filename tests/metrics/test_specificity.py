import numpy as np
from sklearn.metrics import recall_score

from tests.metrics.test_confusion_matrix import filled, samples
from tests.parity import report
from tfcovid.metrics import Specificity


def test_equals_scikit_learn_recall_of_all_other_classes_together():
    truth, scores = samples()
    weight = np.random.default_rng(1).uniform(0, 2, len(truth))
    for label in range(4):
        expected = recall_score(truth != label, scores.argmax(1) != label, sample_weight=weight)
        found = filled(Specificity(label, 4), truth, scores, weight)
        report(f"Specificity, class {label}", "scikit-learn recall_score", found, expected)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_zero_where_no_other_class_occurs():
    truth, scores = np.array([1, 1]), np.eye(2, dtype="float32")[[1, 0]]
    expected = recall_score(truth != 1, scores.argmax(1) != 1, zero_division=0)
    assert filled(Specificity(1), truth, scores) == expected == 0
