import numpy as np

from tfcovid.report.key_slices import key_slices


def test_the_most_suspicious_are_chosen_apart_from_each_other():
    suspicion = np.zeros(60)
    suspicion[[10, 11, 12, 30, 50]] = [3, 9, 8, 5, 1]
    assert key_slices(suspicion, 4) == [11, 30, 50]  # 10 and 12 are beside 11; all others are cold
    assert key_slices(suspicion, 2) == [11, 30]


def test_without_suspicion_it_is_the_middle_one():
    assert key_slices(np.zeros(9)) == [4] and key_slices([0.0]) == [0] and key_slices([1.0]) == [0]
