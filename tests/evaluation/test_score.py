import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from tfcovid.errors import InputError
from tfcovid.evaluation import score


def test_four_patients_by_hand():
    truth = ["healthy", "healthy", "sick", "sick"]
    found = [{"healthy": p, "sick": 1 - p, "flu": 0.0} for p in (0.9, 0.4, 0.6, 0.1)]
    result = score(truth, found)
    assert result.patients == 4
    assert result.accuracy == 0.5  # the first and the last
    assert result.auc["healthy"] == result.auc["sick"] == 0.75  # three of the four pairs are in order
    assert math.isnan(result.auc["flu"])


def test_figures_agree_with_scikit_learn():
    labels = ["healthy", "covid-19", "cap"]
    rng = np.random.default_rng(0)
    truth = [labels[n] for n in rng.integers(0, 3, 40)]
    values = rng.dirichlet([1, 1, 1], 40).round(1)  # rounded, so that there are ties
    result = score(truth, [dict(zip(labels, row, strict=True)) for row in values])
    assert result.accuracy == accuracy_score(truth, [labels[n] for n in values.argmax(axis=1)])
    for n, label in enumerate(labels):
        assert result.auc[label] == roc_auc_score([t == label for t in truth], values[:, n])


def test_the_order_of_the_labels_in_a_row_does_not_matter():
    one = score(["a", "b"], [{"a": 0.8, "b": 0.2}, {"b": 0.7, "a": 0.3}])
    assert one.accuracy == 1 and one.auc == {"a": 1, "b": 1}


def test_it_reads_as_a_table():
    text = str(score(["a", "b"], [{"a": 0.8, "b": 0.2}, {"a": 0.3, "b": 0.7}]))
    assert text.splitlines()[0] == "2 patients, accuracy 1.000"
    assert "AUC b" in text


def test_unusable_input_is_refused():
    with pytest.raises(InputError, match="Received: 0 for 0"):
        score([], [])
    with pytest.raises(InputError, match="Received: 1 for 2"):
        score(["a", "b"], [{"a": 1.0, "b": 0.0}])
    with pytest.raises(InputError, match=r"truth that no diagnosis can give: flu\. Labels: a, b"):
        score(["flu"], [{"a": 1.0, "b": 0.0}])
