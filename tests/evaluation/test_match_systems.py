from dataclasses import replace

import numpy as np

from tests.evaluation.test_compare import LABELS, system, take
from tfcovid.evaluation.compare import compare


def test_cases_that_not_all_answered_are_left_out_and_counted():
    a, b, c = system(1.0, 30), system(1.5, 30, seed=1, first=10), system(1.2, 12, seed=2, first=15)
    shuffled = take(b, np.random.default_rng(0).permutation(30))
    found = compare({"a": a, "b": shuffled, "c": c}, resamples=20)
    assert found.notes[:-1] == [
        "Paired: a, b, c, on the 12 scans of 12 patients that all of them answered.",
        "18 scans of a were left out, which not all answered; less than half remains.",
        "18 scans of b were left out, which not all answered; less than half remains.",
    ]
    same = compare({"a": take(a, range(15, 27)), "b": take(b, range(5, 17)), "c": c}, resamples=20)
    assert repr(found.against) == repr(same.against)  # with NaN; the order of a table does not matter
    assert found.scores["a"].cases == 12


def test_labels_in_another_order_are_the_same_labels():
    a, b = system(1.0), system(1.5, seed=1)
    turned = replace(
        b, labels=LABELS[::-1], truth=2 - b.truth, called=2 - b.called, probabilities=b.probabilities[:, ::-1]
    )
    found = compare({"a": a, "b": turned}, resamples=20)
    assert found.against == compare({"a": a, "b": b}, resamples=20).against
    assert "put in the order of a: healthy, covid-19, cap" in found.notes[0]


def test_whose_a_scan_is_is_taken_from_the_table_that_knows():
    a, b = system(1.0, 20, per_patient=2), system(1.5, 20, seed=1)
    found = compare({"a": b, "b": a}, resamples=20)
    assert found.scores["a"].patients == 10 and "Whose a scan is, is taken from b." in found.notes
