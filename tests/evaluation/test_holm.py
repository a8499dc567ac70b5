import numpy as np
import pytest

from tfcovid.evaluation.holm import holm


def test_it_steps_down_and_never_falls_back():
    """By hand: 0.01 x 4, 0.02 x 3, 0.022 x 2 would fall below the one before, 0.9."""
    assert holm([0.022, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])


def test_a_single_test_stays_and_none_exceeds_one():
    assert holm([0.03]) == [0.03]
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


def test_a_test_that_was_not_made_does_not_count():
    adjusted = holm([0.01, np.nan, 0.02])
    assert adjusted[0] == 0.02 and np.isnan(adjusted[1]) and adjusted[2] == 0.02
