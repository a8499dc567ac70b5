from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from tfcovid.errors import InputError
from tfcovid.evaluation.operating_points import operating_points
from tfcovid.evaluation.predictions import Predictions


def _scored(ill, well, labels=("healthy", "covid"), level="scan") -> Predictions:
    p = np.array([*ill, *well], float)
    names = tuple(map(str, range(len(p))))
    truth = np.array([1] * len(ill) + [0] * len(well))
    return Predictions(labels, names, names, truth, np.stack([1 - p, p], 1), (p > 0.5).astype(int), level)


VALIDATION = _scored(np.arange(1, 11) / 16, [0.1, 0.15])  # powers of two, so that 1 - p is exact


def test_the_threshold_comes_from_validation_and_the_figures_from_elsewhere():
    evaluated = _scored([2 / 16] * 3 + [0.5] * 7, [0.0, 0.1, 0.7])
    point, strict = operating_points(VALIDATION, evaluated, wanted=(0.9, 0.95))
    assert point.threshold == 2 / 16 and point.validation_sensitivity == 0.9  # nine of ten
    assert point.validation_specificity == 0.5
    assert point.sensitivity.value == 1 and point.specificity.value == 2 / 3 and point.positive == "disease"
    assert strict.threshold == 1 / 16 and strict.validation_sensitivity == 1 and strict.wanted == 0.95
    ten = binomtest(10, 10).proportion_ci(method="wilson")
    assert (point.sensitivity.low, point.sensitivity.high) == pytest.approx((ten.low, 1))


def test_a_label_can_be_the_positive_one():
    found = operating_points(VALIDATION, VALIDATION, wanted=(1.0,), positive="healthy")[0]
    assert found.positive == "healthy" and found.sensitivity.value == 1 and found.threshold == 0.85


def test_what_cannot_be_found_is_refused():
    with pytest.raises(InputError, match="no scan of validation is of a disease"):
        operating_points(_scored([], [0.1]), VALIDATION)
    with pytest.raises(InputError, match=r"same labels: healthy, covid\. Received: healthy, cap"):
        operating_points(_scored([0.5], [0.1], ("healthy", "cap")), VALIDATION)
    with pytest.raises(InputError, match=r"lies in \(0, 1\]"):
        operating_points(VALIDATION, VALIDATION, wanted=(90,))
    found = operating_points(VALIDATION, _scored([0.5], []))[0]
    assert np.isnan(found.specificity.value) and found.specificity.why == "every scan is of a disease"
    assert operating_points(VALIDATION, _scored([], [0.5]))[0].sensitivity.why == "no scan is of a disease"


def test_thresholds_near_zero_and_one_keep_their_digits():
    point = operating_points(VALIDATION, VALIDATION, wanted=(0.9,))[0]
    thresholds = {0.25: "0.2500", 0.98765: "0.9877", 0.999947: "0.999947", 3.21e-7: "0.00000032", 1.0: "1.0000"}
    assert [replace(point, threshold=n).threshold_text for n in thresholds] == list(thresholds.values())
    assert str(replace(point, threshold=0.999947)).startswith("disease from 0.999947 on")
