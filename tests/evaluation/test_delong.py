import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from tests.evaluation.asah import POOR, RANKS
from tfcovid.evaluation.delong import delong

_Z = norm.ppf(0.975)


def test_areas_and_intervals_are_those_of_proc():
    """pROC's tests/testthat/test-ci.auc.R for NDKA; ci.auc of its manual (0.6301-0.8326) for S100b."""
    areas, covariance = delong(POOR, [RANKS["ndka"], RANKS["s100b"]])
    half = _Z * np.sqrt(np.diag(covariance))
    ndka = [areas[0] - half[0], areas[0], areas[0] + half[0]]
    assert ndka == pytest.approx([0.501244999271703, 0.611957994579946, 0.722670989888189], abs=1e-12)
    s100b = [areas[1] - half[1], areas[1], areas[1] + half[1]]
    assert s100b == pytest.approx([0.6301, 0.7314, 0.8326], abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "paired", "unpaired"),
    [
        ("wfns", "s100b", 2.20898359144091, 1.43490640926908),
        ("wfns", "ndka", 2.79777591868904, 3.10125096778969),
        ("ndka", "s100b", -1.39077002573558, -1.55995743389685),
    ],
)
def test_statistics_of_two_curves_are_those_of_proc(first, second, paired, unpaired):
    """Z of the paired and D of the unpaired test in pROC's tests/testthat/test-roc.test.R."""
    (a, b), covariance = delong(POOR, [RANKS[first], RANKS[second]])
    spread = covariance[0, 0] + covariance[1, 1]
    assert (a - b) / np.sqrt(spread - 2 * covariance[0, 1]) == pytest.approx(paired, abs=1e-10)
    assert (a - b) / np.sqrt(spread) == pytest.approx(unpaired, abs=1e-10)


def _plain(positive, scores, clusters):
    """The definitions of DeLong (1988) and Obuchowski (1997) pair by pair and patient by patient."""
    ups, downs = np.flatnonzero(positive), np.flatnonzero(~positive)
    wins = np.array([[[(s[i] > s[j]) + (s[i] == s[j]) / 2 for j in downs] for i in ups] for s in scores])
    areas = wins.mean(axis=(1, 2))
    of_up, of_down = wins.mean(axis=2) - areas[:, None], wins.mean(axis=1) - areas[:, None]
    names = set(clusters)
    sums = {
        name: (
            of_up[:, [clusters[i] == name for i in ups]].sum(axis=1),
            of_down[:, [clusters[j] == name for j in downs]].sum(axis=1),
        )
        for name in names
    }
    i10, i01 = len({clusters[i] for i in ups}), len({clusters[j] for j in downs})
    s10 = sum(np.outer(up, up) for up, _ in sums.values()) * i10 / ((i10 - 1) * len(ups))
    s01 = sum(np.outer(down, down) for _, down in sums.values()) * i01 / ((i01 - 1) * len(downs))
    s11 = sum(np.outer(up, down) for up, down in sums.values()) * len(names) / (len(names) - 1)
    return areas, s10 / len(ups) + s01 / len(downs) + (s11 + s11.T) / (len(ups) * len(downs))


@pytest.mark.parametrize("patients", [60, 20])
def test_it_is_the_definition_with_ties_and_with_several_cases_of_a_patient(patients):
    rng = np.random.default_rng(patients)
    clusters = [f"patient {n}" for n in (rng.permutation(60) if patients == 60 else rng.integers(0, patients, 60))]
    positive, scores = rng.random(60) < 0.4, rng.integers(0, 8, (2, 60))
    found = delong(positive, scores, clusters)
    for ours, theirs in zip(found, _plain(positive, scores, clusters), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)
    statistic = mannwhitneyu(scores[0][positive], scores[0][~positive]).statistic
    assert found[0][0] == pytest.approx(statistic / positive.sum() / (~positive).sum())
    if patients == 60:  # then clusters change nothing
        assert delong(positive, scores)[1] == pytest.approx(found[1], abs=1e-15)


def test_what_is_not_defined_is_nan():
    areas, covariance = delong(np.ones(3, bool), [[0.1, 0.2, 0.3]])
    assert np.isnan(areas).all() and np.isnan(covariance).all()
    areas, covariance = delong(np.array([True, False, False]), [[0.1, 0.2, 0.05]])  # one positive: no spread of it
    assert areas[0] == 0.5 and np.isnan(covariance).all()


def test_several_scans_of_the_only_positive_patient_are_still_one():
    """Its placements leave the mean by rounding alone, which is no spread."""
    rng = np.random.default_rng(0)
    positive = np.arange(60) < 7
    clusters = ["a"] * 7 + [f"b{n}" for n in range(53)]
    for _ in range(20):
        areas, covariance = delong(positive, rng.random(60), clusters)
        assert 0 < areas[0] < 1 and np.isnan(covariance).all()
