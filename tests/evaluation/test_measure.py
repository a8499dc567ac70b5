import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from tfcovid.errors import InputError
from tfcovid.evaluation.boot_counts import boot_counts
from tfcovid.evaluation.boot_measure import boot_measure
from tfcovid.evaluation.measure import measure
from tfcovid.evaluation.predictions import Predictions

LABELS = ("healthy", "covid", "h1n1", "cap")


def made(count: int, labels=LABELS, seed=0, patients=None) -> Predictions:
    """Random answers in tenths, so that there are ties."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(labels), count)
    likely = (rng.dirichlet(np.ones(len(labels)), count) + np.eye(len(labels))[truth]) / 2
    probabilities = rng.multinomial(10, likely) / 10
    names = tuple(f"scan {n}" for n in range(count))
    whose = tuple(f"patient {n % patients}" for n in range(count)) if patients else names
    return Predictions(tuple(labels), names, whose, truth, probabilities, probabilities.argmax(axis=1))


def _expected(one: Predictions, weights: np.ndarray) -> dict[str, float]:
    truth, called, found = one.truth, one.called, one.probabilities
    confidence, right = found[np.arange(len(truth)), called], truth == called
    bins = [np.flatnonzero((confidence >= n / 15) & (confidence < (n + 1) / 15 + (n == 14))) for n in range(15)]
    expected = {
        "accuracy": accuracy_score(truth, called, sample_weight=weights),
        "balanced_accuracy": balanced_accuracy_score(truth, called, sample_weight=weights),
        "macro_f1": f1_score(truth, called, average="macro", sample_weight=weights),
        "brier": brier_score_loss(
            truth, found, sample_weight=weights, scale_by_half=True, labels=range(len(one.labels))
        ),
        "ece": sum(abs(weights[rows] @ (right[rows] - confidence[rows])) for rows in bins) / weights.sum(),
        "fpe": np.average(called[truth == 0] != 0, weights=weights[truth == 0]),
        "fne": np.average(called[truth != 0] == 0, weights=weights[truth != 0]),
        "fdpe": np.average((called[truth != 0] != 0) & (called != truth)[truth != 0], weights=weights[truth != 0]),
    }
    for n, label in enumerate(one.labels):
        true, said = truth == n, called == n
        expected |= {
            f"sensitivity_{label}": recall_score(true, said, sample_weight=weights),
            f"specificity_{label}": recall_score(~true, ~said, sample_weight=weights),
            f"ppv_{label}": precision_score(true, said, sample_weight=weights),
            f"npv_{label}": precision_score(~true, ~said, sample_weight=weights),
            f"f1_{label}": f1_score(true, said, sample_weight=weights),
            f"auc_{label}": roc_auc_score(true, found[:, n], sample_weight=weights),
            f"average_precision_{label}": average_precision_score(true, found[:, n], sample_weight=weights),
        }
    expected["auc_macro"] = np.mean([expected[f"auc_{label}"] for label in one.labels])
    return expected


def test_every_figure_of_every_resample_agrees_with_scikit_learn():
    one = made(80, patients=30)
    counts, patient = boot_counts(one.patients, resamples=5, seed=2)
    weights = counts[:, patient]
    found = measure(one, weights)
    for row, drawn in enumerate(weights):
        expected = _expected(one, drawn)
        assert set(expected) == set(found)
        for name, value in expected.items():
            assert found[name][row] == pytest.approx(value, abs=1e-9), name


def test_of_two_labels_the_second_is_the_positive_one():
    one = made(60, labels=("healthy", "covid"), seed=3)
    found = measure(one, np.ones((1, 60)))
    for name, value in _expected(one, np.ones(60)).items():
        if name.endswith("_healthy") or name in ("fdpe", "auc_macro"):
            continue
        assert found[name][0] == pytest.approx(value, abs=1e-9), name
    assert found["auc_macro"] == found["auc_covid"]
    assert found["fpe"] == pytest.approx(1 - found["specificity_covid"])
    assert found["fne"] == pytest.approx(1 - found["sensitivity_covid"])
    assert "fdpe" not in found and not any(name.endswith("_healthy") for name in found)


def test_a_label_that_would_take_the_place_of_a_mean_is_refused():
    with pytest.raises(InputError, match=r"a label cannot be called macro.* Received: healthy, macro"):
        measure(made(5, labels=("healthy", "macro")), np.ones((1, 5)))


def test_the_errors_of_m3lung_sys_by_hand():
    """Of 4 healthy one is called cap; of 6 diseased one is called healthy and two another disease."""
    truth, called = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3]), np.array([0, 0, 0, 3, 1, 0, 2, 2, 1, 3])
    names = tuple(map(str, range(10)))
    found = measure(Predictions(LABELS, names, names, truth, np.eye(4)[called], called), np.ones((1, 10)))
    assert [found[name][0] for name in ("fpe", "fne", "fdpe")] == pytest.approx([1 / 4, 1 / 6, 2 / 6])


def test_blocks_of_resamples_are_the_whole(monkeypatch):
    one = made(30, patients=12)
    counts, patient = boot_counts(one.patients, 20, 5)
    whole = measure(one, counts[:, patient])
    monkeypatch.setattr("tfcovid.evaluation.boot_measure._BLOCK", 100)  # three rows at once
    found = boot_measure(one, 20, 5)
    for name, values in whole.items():
        assert found[name] == pytest.approx(values, nan_ok=True)
