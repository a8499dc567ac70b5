import numpy as np
import pytest
from scipy.stats import binomtest, t

from tfcovid.evaluation.interval import interval


def _resamples(value: float, spread: float) -> np.ndarray:
    """A bootstrap of this mean and standard deviation."""
    return np.array([value, value - spread, value + spread])


@pytest.mark.parametrize(("right", "patients"), [(54, 60), (1, 7), (60, 60), (0, 9)])
def test_of_the_share_of_patients_that_is_right_it_is_wilsons(right, patients):
    share = right / patients
    found = interval(_resamples(share, np.sqrt(share * (1 - share) / patients)), patients)
    assert found == pytest.approx(binomtest(right, patients).proportion_ci(method="wilson"), abs=1e-12)


def test_many_scans_of_few_patients_count_only_as_far_as_students_t_has_it():
    """A spread as of 400 cases is known from three patients alone; of one it says nothing."""
    steady = _resamples(0.8, np.sqrt(0.8 * 0.2 / 400))
    found = interval(steady, 3)
    cases = 400 * 2 / 3 * (1.959963984540054 / t.ppf(0.975, 2)) ** 2
    assert found == pytest.approx(proportion(0.8, cases), abs=1e-12)
    assert interval(steady, 1) == pytest.approx(proportion(0.8, 1), abs=1e-12)


def proportion(share, cases, z=1.959963984540054):
    """Wilson's interval as the roots of (share - p)^2 = z^2 p (1 - p) / cases."""
    return sorted(np.roots([1 + z**2 / cases, -2 * share - z**2 / cases, share**2]))


def test_patients_whose_scans_agree_count_as_fewer():
    """A spread as wide as that of 15 patients is worth 15, whatever their number."""
    found = interval(_resamples(0.8, np.sqrt(0.8 * 0.2 / 15)), 60)
    assert found == pytest.approx(binomtest(12, 15).proportion_ci(method="wilson"), abs=1e-12)


def test_an_area_is_students_on_the_logit_scale():
    found = np.array(interval(_resamples(0.9, 0.03), 60, ranked=True))
    odds = np.log(found / (1 - found)) - np.log(9)
    reach = t.ppf(0.975, 59) * np.sqrt(60 / 59) * 0.03 / 0.09
    assert odds == pytest.approx([-reach, reach])


def test_an_area_of_one_patient_is_as_uncertain_as_a_share_of_one():
    """However little its resamples spread, which draw the others alone."""
    assert interval(_resamples(0.825, 0.027), 1, ranked=True) == pytest.approx(proportion(0.825, 1))
    assert proportion(0.825, 1) == pytest.approx([0.141, 0.993], abs=1e-3)


def test_a_perfect_area_of_nine_patients_of_the_fewer_kind():
    found = interval(np.ones(5), 9, ranked=True)
    assert found == pytest.approx(binomtest(9, 9).proportion_ci(method="wilson"), abs=1e-12)


def test_resamples_that_are_not_defined_do_not_count():
    values = _resamples(0.6, 0.1)
    assert interval(np.append(values, np.nan), 20) == interval(values, 20)
    assert np.isnan(interval(np.array([np.nan, 0.5]), 20)).all()
