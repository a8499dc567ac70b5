import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from tfcovid.errors import InputError
from tfcovid.evaluation import score


def test_four_patients_by_hand():
    truth = ["healthy", "healthy", "sick", "sick"]
    found = [{"healthy": p, "sick": 1 - p, "flu": 0.0} for p in (0.9, 0.4, 0.6, 0.1)]
    result = score(truth, found)
    assert result.scans == result.patients == 4
    assert result.accuracy.value == 0.5  # the first and the last
    assert result.auc["healthy"].value == result.auc["sick"].value == 0.75  # three of the four pairs are in order
    assert math.isnan(result.auc["flu"].value) and math.isnan(result.auc["flu"].low)


def test_figures_agree_with_scikit_learn():
    labels = ["healthy", "covid-19", "cap"]
    rng = np.random.default_rng(0)
    truth = [labels[n] for n in rng.integers(0, 3, 40)]
    values = rng.dirichlet([1, 1, 1], 40).round(1)  # rounded, so that there are ties
    result = score(truth, [dict(zip(labels, row, strict=True)) for row in values])
    called = [labels[n] for n in values.argmax(axis=1)]
    assert result.accuracy.value == pytest.approx(accuracy_score(truth, called))
    assert result.macro_f1.value == pytest.approx(f1_score(truth, called, average="macro"))
    for n, label in enumerate(labels):
        assert result.auc[label].value == pytest.approx(roc_auc_score([t == label for t in truth], values[:, n]))


def test_intervals_are_percentiles_over_resampled_patients():
    """A plain loop over patients with several scans each, which stay together."""
    rng = np.random.default_rng(1)
    patients = np.repeat(np.arange(12), 3)
    truth = ["b" if n % 2 else "a" for n in patients]
    scores = rng.random(36).round(1) / 2 + 0.3 * (patients % 2)
    called = ["b" if p >= 0.4 else "a" for p in scores]
    result = score(truth, [{"a": 1 - p, "b": p} for p in scores], patients, called, resamples=50, seed=3)
    found = []
    for times in np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), 50):
        rows = np.concatenate([np.flatnonzero(patients == n) for n in range(12) for _ in range(times[n])])
        sick = [truth[row] == "b" for row in rows]
        found.append((roc_auc_score(sick, scores[rows]), accuracy_score(sick, scores[rows] >= 0.4)))
    for figure, values in zip((result.auc["b"], result.accuracy), zip(*found, strict=True), strict=True):
        assert [figure.low, figure.high] == pytest.approx(np.percentile(values, [2.5, 97.5]))
    assert result.patients == 12 and result.scans == 36


def test_the_order_of_the_labels_in_a_row_does_not_matter():
    one = score(["a", "b"], [{"a": 0.8, "b": 0.2}, {"b": 0.7, "a": 0.3}])
    assert one.accuracy.value == 1 and {label: auc.value for label, auc in one.auc.items()} == {"b": 1}


def test_it_reads_as_a_table():
    text = str(score(["a", "b"], [{"a": 0.8, "b": 0.2}, {"a": 0.3, "b": 0.7}]))
    assert text.splitlines()[0] == "2 scans of 2 patients, accuracy 1.000 [1.000, 1.000], macro-F1 1.000 [1.000, 1.000]"
    assert "AUC b" in text


def test_unusable_input_is_refused():
    with pytest.raises(InputError, match="Received: 0 for 0"):
        score([], [])
    with pytest.raises(InputError, match="Received: 1 for 2"):
        score(["a", "b"], [{"a": 1.0, "b": 0.0}])
    with pytest.raises(InputError, match=r"truth that no diagnosis can give: flu\. Labels: a, b"):
        score(["flu"], [{"a": 1.0, "b": 0.0}])
