import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.metrics.test_confusion_matrix import filled, samples
from tests.parity import report
from tfcovid.metrics import F1


def test_equals_scikit_learn_for_every_class():
    truth, scores = samples()
    weight = np.random.default_rng(1).uniform(0, 2, len(truth))
    expected = f1_score(truth, scores.argmax(1), average=None, sample_weight=weight)
    found = [filled(F1(label, 4), truth, scores, weight) for label in range(4)]
    report("F1", "scikit-learn f1_score", found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_zero_where_the_class_neither_occurs_nor_is_predicted():
    truth, scores = np.array([0, 1]), np.eye(4, dtype="float32")[[0, 0]]
    expected = f1_score(truth, scores.argmax(1), labels=[2], average=None, zero_division=0)
    assert filled(F1(2, 4), truth, scores) == expected == 0


def test_a_label_that_is_no_class_is_refused():
    for label in (-1, 2):
        with pytest.raises(ValueError, match=f"0 to 1. Received: label={label}"):
            F1(label)
