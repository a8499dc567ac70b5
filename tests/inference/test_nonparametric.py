import numpy as np
import pytest

from tfcovid.inference.nonparametric import assess_patient, assess_slices


def test_the_heads_are_joined_as_in_equation_4():
    disease = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])
    lesion = np.array([[0.2, 0.8], [1.0, 0.0]])
    before = disease.copy()
    joined = assess_slices(disease, lesion)
    # Healthy 0.2 + 0.8 * 0.1; diseases 0.8 * 0.6 and 0.8 * 0.3. Without a lesion nothing but healthy is left.
    np.testing.assert_allclose(joined, [[0.28, 0.48, 0.24], [1, 0, 0]])
    np.testing.assert_array_equal(disease, before)
    assert assess_slices(disease, None) is disease


def test_any_axes_may_stand_in_front():
    rng = np.random.default_rng(0)
    disease, lesion = rng.dirichlet(np.ones(4), (5, 3)), rng.dirichlet(np.ones(2), (5, 3))
    joined = assess_slices(disease, lesion)
    assert joined.shape == (5, 3, 4)
    np.testing.assert_allclose(joined.sum(axis=-1), 1)
    np.testing.assert_allclose(joined[4, 2], assess_slices(disease[4, 2], lesion[4, 2]))


def calls(*counts):
    """Slices of which `counts` are called each class."""
    return np.repeat(np.eye(len(counts)) * 0.4 + 0.2, counts, axis=0)


@pytest.mark.parametrize(
    "counts, threshold, expected",
    [
        ((100, 0, 0), 0.99, 0),
        ((996, 4, 0), 0.99, 0),  # 0.996 exceeds 0.99
        ((99, 0, 1), 0.99, 2),  # 0.99 does not exceed 0.99
        ((60, 10, 30), 0.99, 2),
        ((60, 10, 30), 0.5, 0),
        ((0, 5, 5), 0.99, 1),  # a tie: the first
        ((1, 0, 0), 0.99, 0),
    ],
)
def test_a_patient_is_healthy_above_the_threshold_and_has_the_commonest_disease_below(counts, threshold, expected):
    answer, shares = assess_patient(calls(*counts), threshold)
    assert answer == expected
    np.testing.assert_allclose(shares, np.array(counts) / sum(counts))
