import numpy as np

from tfcovid.evaluation.fewest_patients import fewest_patients
from tfcovid.evaluation.measure import measure
from tfcovid.evaluation.predictions import Predictions


def test_patients_are_counted_of_the_kind_that_is_rare():
    truth, called = np.array([0, 0, 0, 0, 1, 1, 1, 2]), np.array([0, 0, 1, 0, 1, 1, 0, 1])
    one = Predictions(
        ("healthy", "covid", "cap"), tuple("abcdefgh"), ("p", "q", "r", "s", "t", "t", "u", "v"), truth,
        np.eye(3)[called], called,
    )  # fmt: skip
    found = fewest_patients(one)
    assert set(measure(one, np.ones((1, 8)))) <= set(found)
    expected = {"accuracy": 7, "fpe": 4, "fne": 3, "sensitivity_covid": 2, "specificity_covid": 5, "auc_covid": 2}
    expected |= {"balanced_accuracy": 1, "auc_macro": 1, "ppv_covid": 3, "f1_covid": 4}
    assert {name: found[name][0] for name in expected} == expected
    assert found["ppv_cap"] == (0, "no scan was called cap")
