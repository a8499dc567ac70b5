import numpy as np
import pytest
from scipy.stats import t

from tfcovid.evaluation.few_patients import Z, few_patients


def test_it_is_students_t_of_the_unbiased_spread():
    """The interval of a mean of n values, from their biased standard deviation."""
    values = np.array([1.0, 4.0, 2.5, 3.0, 8.0])
    high = t.interval(0.95, 4, values.mean(), values.std(ddof=1) / np.sqrt(5))[1]
    assert values.mean() + few_patients(5) * Z * values.std() / np.sqrt(5) == pytest.approx(high)
    assert few_patients(1) == np.inf and few_patients(10**6) == pytest.approx(1, abs=1e-5)
