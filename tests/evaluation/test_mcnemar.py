from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from tfcovid.evaluation.mcnemar import mcnemar


def right(only_first, only_second, both=7):
    first = [True] * only_first + [False] * only_second + [True] * both
    second = [False] * only_first + [True] * only_second + [True] * both
    return first, second


@pytest.mark.parametrize(("b", "c"), [(6, 1), (0, 5), (12, 30), (86, 150)])
def test_one_case_a_patient_is_the_binomial_test(b, c):
    found = mcnemar(*right(b, c))
    reference = binomtest(b, b + c)
    point = binomtest(b, b + c, alternative="less").pvalue - (
        binomtest(b - 1, b + c, alternative="less").pvalue if b else 0
    )
    assert (found.only_first, found.only_second) == (b, c)
    assert found.exact == pytest.approx(reference.pvalue, rel=1e-9)
    assert found.mid_p == pytest.approx(reference.pvalue - point, rel=1e-9)


def test_equal_systems_do_not_differ():
    same = mcnemar(*right(0, 0))
    assert (same.exact, same.mid_p) == (1, 1)
    found = mcnemar(*right(3, 3))
    assert found.exact == 1 and found.mid_p == pytest.approx(1 - 20 / 64 / 2)  # half of the chance of three of six


def test_the_cases_of_a_patient_change_sides_together():
    """All ways in which four patients with several cases could have fallen, one by one."""
    patients = list("aaabbccccd")
    first = np.array([1, 1, 1, 1, 0, 1, 1, 1, 0, 0], bool)
    second = np.array([0, 0, 1, 0, 0, 0, 0, 1, 1, 1], bool)
    net = [
        sum(int(f) - int(s) for f, s, p in zip(first, second, patients, strict=True) if p == name) for name in "abcd"
    ]
    assert net == [2, 1, 1, -1]
    sums = [abs(sum(sign * n for sign, n in zip(signs, net, strict=True))) for signs in product((1, -1), repeat=4)]
    found = mcnemar(first, second, patients)
    assert found.exact == sum(s >= 3 for s in sums) / 16
    assert found.mid_p == (sum(s > 3 for s in sums) + sum(s == 3 for s in sums) / 2) / 16
    assert found.exact > mcnemar(first, second).exact  # ten independent cases would claim more
