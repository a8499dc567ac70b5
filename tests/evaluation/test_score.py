import math

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.evaluation.asah import POOR, RANKS
from tests.evaluation.test_interval import proportion
from tests.evaluation.test_measure import made
from tfcovid.evaluation import Predictions, score
from tfcovid.evaluation.boot_measure import boot_measure
from tfcovid.evaluation.interval import interval


def _rows(truth, healthy, **more):
    rows = [{"truth": label, "p_healthy": p, "p_sick": 1 - p} for label, p in zip(truth, healthy, strict=True)]
    return [{**row, **{name: values[n] for name, values in more.items()}} for n, row in enumerate(rows)]


def test_four_patients_by_hand():
    rows = [{**row, "p_flu": 0.0} for row in _rows(["healthy", "healthy", "sick", "sick"], (0.9, 0.4, 0.6, 0.1))]
    found = score(Predictions.from_rows(rows, ("healthy", "sick", "flu")))
    assert found.cases == found.patients == 4 and found.unit == "patient" and found.level == "scan"
    assert found.figures["accuracy"].value == 0.5  # the first and the last
    assert found.confusion.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.figures["auc_healthy"].value == found.figures["auc_sick"].value == 0.75  # three of four pairs
    assert found.figures["auc_macro"].value == 0.75  # of the labels that occur
    assert math.isnan(found.figures["auc_flu"].value) and math.isnan(found.delong["auc_flu"].low)
    assert found.figures["auc_flu"].why == found.delong["auc_flu"].why == "no scan is of flu"


def test_intervals_come_from_resampled_patients_and_delong_stands_beside():
    one = made(90, patients=25, seed=4)
    found = score(one, resamples=50, seed=3)
    values = boot_measure(one, 50, 3)
    figure = found.figures["fne"]
    patients = np.array(one.patients)
    assert (figure.low, figure.high) == interval(values["fne"], len(set(patients[one.truth > 0])))
    figure = found.figures["auc_cap"]
    with_cap = len(set(patients[one.truth == 3]))
    assert (figure.low, figure.high) == interval(values["auc_cap"], with_cap, ranked=True) and with_cap < 25
    assert list(found.figures) == list(values) and found.patients == 25 and found.cases == 90
    assert set(found.delong) == {f"auc_{label}" for label in one.labels}


def test_delongs_interval_is_that_of_proc():
    ranks = RANKS["ndka"] / RANKS["ndka"].max()
    names = tuple(map(str, range(113)))
    called = (ranks > 0.5).astype(int)
    one = Predictions(("good", "poor"), names, names, POOR.astype(int), np.stack([1 - ranks, ranks], 1), called)
    found = score(one, resamples=200).delong["auc_poor"]
    assert [found.value, found.low, found.high] == pytest.approx(
        [0.611957994579946, 0.501244999271703, 0.722670989888189]
    )


def test_the_interval_of_a_patients_share_is_near_wilsons():
    """The spread of 4,000 resamples is known to about one per cent."""
    truth = ["sick"] * 200
    found = score(Predictions.from_rows(_rows(truth, [0.1] * 180 + [0.9] * 20), ("healthy", "sick")), 4000).figures
    expected = binomtest(180, 200).proportion_ci(method="wilson")
    assert [found["accuracy"].low, found["accuracy"].high] == pytest.approx(list(expected), abs=2e-3)


def test_perfect_answers_are_not_certain():
    truth = ["healthy"] * 20 + ["sick"] * 10
    found = score(Predictions.from_rows(_rows(truth, [0.9] * 20 + [0.2] * 10), ("healthy", "sick")))
    ten = binomtest(10, 10).proportion_ci(method="wilson")
    for name in ("sensitivity_sick", "auc_sick", "average_precision_sick"):
        assert (found.figures[name].low, found.figures[name].high) == pytest.approx((ten.low, 1)), name
    zero = binomtest(0, 20).proportion_ci(method="wilson")
    assert (found.figures["fpe"].low, found.figures["fpe"].high) == pytest.approx((0, zero.high))
    both = found.figures["balanced_accuracy"]
    assert (both.low, both.high) == pytest.approx((1 - np.hypot(1 - ten.low, zero.high) / 2, 1))
    assert math.isnan(found.delong["auc_sick"].low) and "order is perfect" in found.delong["auc_sick"].why


def test_one_class_says_what_is_missing():
    found = score(Predictions.from_rows(_rows(["sick", "sick"], (0.2, 0.7)), ("healthy", "sick")))
    said = {name: figure.why for name, figure in found.figures.items() if math.isnan(figure.value)}
    assert said == {
        "auc_macro": "every scan is of sick",
        "fpe": "no scan is of healthy",
        "specificity_sick": "every scan is of sick",
        "auc_sick": "every scan is of sick",
        "average_precision_sick": "every scan is of sick",
    }
    assert found.figures["balanced_accuracy"].value == found.figures["sensitivity_sick"].value == 0.5
    assert found.figures["npv_sick"].value == 0
    assert str(found.figures["fpe"]) == "not defined: no scan is of healthy"
    none = score(Predictions.from_rows(_rows(["healthy", "healthy"], (0.8, 0.7)), ("healthy", "sick"))).figures
    assert none["ppv_sick"].why == "no scan was called sick"
    assert none["f1_sick"].why == "no scan is of sick, and none was called it"
    assert none["fne"].why == "every scan is of healthy"


def test_one_patient_is_one_case():
    rows = _rows(["sick", "sick", "healthy", "healthy"], (0.2, 0.7, 0.6, 0.9), patient=["a"] * 4)
    found = score(Predictions.from_rows(rows, ("healthy", "sick")))
    figure, one = found.figures["accuracy"], binomtest(1, 1).proportion_ci(method="wilson")
    assert figure.value == 0.75 and figure.low < 0.2 and figure.high - figure.low > one.high - one.low - 0.05
    assert found.delong["auc_sick"].why == "only one patient with or without sick"


def test_one_sick_patient_of_many_tells_little():
    rng = np.random.default_rng(0)
    healthy = np.r_[0.4, rng.random(200)]
    found = score(Predictions.from_rows(_rows(["sick"] + ["healthy"] * 200, healthy), ("healthy", "sick")), 200)
    area = found.figures["auc_sick"]
    assert [area.low, area.high] == pytest.approx(proportion(area.value, 1))  # Wilson's of a share of one
    assert found.figures["balanced_accuracy"].low < 0.4
    assert found.delong["auc_sick"].why == "only one patient with or without sick"


def test_equal_scores_have_no_order():
    found = score(Predictions.from_rows(_rows(["sick"] * 8 + ["healthy"] * 9, [0.5] * 17), ("healthy", "sick")), 50)
    assert str(found.delong["auc_sick"]) == "0.500 (no interval: all scores are equal)"


def test_it_reads_as_a_table():
    rows = _rows(["healthy", "sick", "sick"], (0.8, 0.3, 0.9), patient=["a", "b", "b"])
    lines = str(score(Predictions.from_rows(rows, ("healthy", "sick")))).splitlines()
    assert lines[0] == "3 scans of 2 patients"
    assert lines[1].split()[:2] == ["accuracy", "0.667"]
    assert lines[-1] == "  95 % intervals in square brackets, from 1000 resamples of the patients."
    assert any(line.startswith("  fpe  ") and line.endswith("(healthy called a disease)") for line in lines)
    assert any(line.startswith("  fne  ") and line.endswith("(disease called healthy)") for line in lines)
    assert any("no interval: chance alone makes it greater than 0" in line for line in lines)
