import numpy as np
import pytest
from scipy.stats import binomtest, norm

from tfcovid.evaluation.interval import interval


def _resamples(value: float, spread: float) -> np.ndarray:
    """A bootstrap of this mean and standard deviation."""
    return np.array([value, value - spread, value + spread])


@pytest.mark.parametrize(("right", "patients"), [(54, 60), (1, 7), (60, 60), (0, 9)])
def test_of_the_share_of_patients_that_is_right_it_is_wilsons(right, patients):
    share = right / patients
    found = interval(_resamples(share, np.sqrt(share * (1 - share) / patients)), patients)
    assert found == pytest.approx(binomtest(right, patients).proportion_ci(method="wilson"), abs=1e-12)


def test_patients_whose_scans_agree_count_as_fewer():
    """A spread as wide as that of 15 patients is worth 15, whatever their number."""
    found = interval(_resamples(0.8, np.sqrt(0.8 * 0.2 / 15)), 60)
    assert found == pytest.approx(binomtest(12, 15).proportion_ci(method="wilson"), abs=1e-12)


def test_an_area_is_normal_on_the_logit_scale():
    found = np.array(interval(_resamples(0.9, 0.03), 60, ranked=True))
    odds = np.log(found / (1 - found)) - np.log(9)
    assert odds == pytest.approx(np.array([-1, 1]) * norm.ppf(0.975) * 0.03 / 0.09)


def test_a_perfect_area_of_nine_patients_of_the_fewer_kind():
    found = interval(np.ones(5), 9, ranked=True)
    assert found == pytest.approx(binomtest(9, 9).proportion_ci(method="wilson"), abs=1e-12)


def test_resamples_that_are_not_defined_do_not_count():
    values = _resamples(0.6, 0.1)
    assert interval(np.append(values, np.nan), 20) == interval(values, 20)
    assert np.isnan(interval(np.array([np.nan, 0.5]), 20)).all()
