import numpy as np
import pytest

from tfcovid.config import load_config
from tfcovid.inference.uncertainty import uncertainty

ANSWERS = np.array([[0.1, 0.7, 0.1, 0.1], [0.1, 0.5, 0.2, 0.2], [0.2, 0.3, 0.1, 0.4]])


def test_the_spread_is_the_lowest_and_highest_answer_and_a_faint_majority_is_referred(tiny):
    found = uncertainty(ANSWERS, ANSWERS.mean(axis=0), 1, tiny)

    assert found["probabilities"]["covid-19"] == {"low": 0.3, "high": 0.7}
    assert found["confidence"] == pytest.approx(0.5)
    assert found["agreeing"] == pytest.approx(2 / 3)
    assert found["refer"]
    assert found["reasons"] == [
        "the confidence in covid-19 is 0.50, below 0.70",
        "33% of 3 single answers call something else",
    ]


def test_who_is_referred_is_set_in_the_config(tiny):
    bold = tiny.model_copy(update={"refer_below": 0.4})

    assert not uncertainty(ANSWERS, ANSWERS.mean(axis=0), 1, bold)["refer"]


def test_a_disease_that_few_slices_show_is_as_sure_as_these_slices_agree():
    config = load_config("demo", ["patient_net={kind: nonparametric}", "patient_training=null"])
    shares = np.array([[0.8, 0.18, 0.02, 0.0]])

    found = uncertainty(shares, shares[0], 1, config)

    assert found["confidence"] == pytest.approx(0.9)
    assert not found["refer"]
