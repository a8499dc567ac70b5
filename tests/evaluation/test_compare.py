from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, t
from sklearn.metrics import accuracy_score, roc_auc_score

from tfcovid.errors import InputError
from tfcovid.evaluation.compare import compare
from tfcovid.evaluation.predictions import Predictions

LABELS = ("healthy", "covid-19", "cap")


def system(skill, cases=60, seed=0, labels=LABELS, first=0, per_patient=1, truth_seed=9):
    """Answers on cases first, first + 1, ...; the more skill, the more of them right."""
    names = range(first, first + cases)
    truth = np.random.default_rng(truth_seed).integers(0, len(labels), 1000)[list(names)]
    evidence = (
        np.random.default_rng(seed).normal(size=(1000, len(labels)))[list(names)] + skill * np.eye(len(labels))[truth]
    )
    probabilities = np.exp(evidence) / np.exp(evidence).sum(axis=1, keepdims=True)
    return Predictions(
        labels=tuple(labels),
        cases=tuple(f"scan{n}" for n in names),
        patients=tuple(f"patient{n // per_patient}" for n in names),
        truth=truth,
        probabilities=probabilities,
        called=probabilities.argmax(axis=1),
    )


def take(one, rows):
    rows = np.asarray(rows)
    return replace(
        one,
        cases=tuple(one.cases[n] for n in rows),
        patients=tuple(one.patients[n] for n in rows),
        truth=one.truth[rows],
        probabilities=one.probabilities[rows],
        called=one.called[rows],
    )


def test_paired_differences_are_those_of_a_plain_loop_over_patients():
    """scikit-learn, patient by patient; both systems lose and repeat the same ones."""
    a, b = system(1.0, 48, per_patient=2), system(2.0, 48, seed=1, per_patient=2)
    found = compare({"a": a, "b": b}, resamples=40, seed=5).against["b"].bootstrap
    drawn = np.random.default_rng(5).integers(0, 24, (40, 24))
    measures = {
        "accuracy": lambda one, rows: accuracy_score(one.truth[rows], one.called[rows]),
        "auc_cap": lambda one, rows: roc_auc_score(one.truth[rows] == 2, one.probabilities[rows, 2]),
        "fne": lambda one, rows: np.mean(one.called[rows][one.truth[rows] > 0] == 0),
    }
    whose, cap = np.arange(48) // 2, a.truth == 2
    needed = {"accuracy": [a.truth >= 0], "auc_cap": [cap, ~cap], "fne": [a.truth > 0]}
    for name, measured in measures.items():
        d = measured(b, np.arange(48)) - measured(a, np.arange(48))
        patients = min(len(set(whose[mask])) for mask in needed[name])
        wider = t.ppf(0.975, patients - 1) / norm.ppf(0.975) * np.sqrt(patients / (patients - 1))
        distance = []
        for draw in drawn:
            rows = np.concatenate([(2 * n, 2 * n + 1) for n in draw])
            distance.append(wider * abs(measured(b, rows) - measured(a, rows) - d))
        one, reach = found[name], np.quantile(distance, 0.95)
        assert one.value == pytest.approx(d)
        assert one.p == pytest.approx((1 + sum(np.array(distance) >= abs(d) - 1e-12)) / 41)
        assert [one.low, one.high] == pytest.approx([max(-1, d - reach), min(1, d + reach)])


def test_a_system_does_not_differ_from_itself():
    a = system(1.0)
    found = compare({"a": a, "b": a}, resamples=50).against["b"]
    for one in (*found.bootstrap.values(), *found.delong.values()):
        assert (one.value, one.low, one.high, one.p) == (0, 0, 0, 1)
    assert found.mcnemar.exact == 1


@pytest.mark.parametrize(("patients", "p"), [(6, 2 / 64), (8, 2 / 256), (60, 0.001)])
def test_systems_that_differ_in_every_resample_have_the_p_of_a_coin_a_patient(patients, p):
    a = system(1.0, patients)
    wrong = replace(a, called=(a.truth + 1) % 3)
    right = replace(a, called=a.truth)
    found = compare({"right": right, "wrong": wrong}, resamples=999).against["wrong"]
    one = found.bootstrap["accuracy"]
    assert one.value == -1 == one.low and one.p == pytest.approx(p) and one.p >= found.mcnemar.exact - 1e-12
    assert -1 + 2 * 0.25 / patients < one.high < 0


@pytest.mark.parametrize("patients", [1, 2, 3, 5])
def test_a_handful_of_patients_proves_nothing(patients):
    a = system(1.0, patients)
    systems = {"right": replace(a, called=a.truth), "wrong": replace(a, called=(a.truth + 1) % 3)}
    found = compare(systems, resamples=99)
    one = found.against["wrong"].bootstrap["accuracy"]
    assert one.value == -1 and np.isnan([one.low, one.high, one.p]).all()
    assert f"No bootstrap p of accuracy ({patients})" in found.notes[-1]


def test_one_sick_patient_of_many_proves_nothing_about_the_sick():
    a = take(system(1.0, 200), np.r_[np.flatnonzero(system(1.0, 200).truth == 0), [0]])
    assert (a.truth > 0).sum() == 1
    sick = a.truth > 0
    b = replace(
        a, called=np.where(sick, 0, a.called), probabilities=np.where(sick[:, None], [[1, 0, 0]], a.probabilities)
    )
    found = compare({"a": replace(a, called=a.truth), "b": b}, resamples=99).against["b"]
    for name in ("fne", "balanced_accuracy", "auc_macro"):
        one = found.bootstrap[name]
        assert np.isfinite(one.value) and np.isnan([one.low, one.high, one.p]).all(), name
    assert np.isfinite(found.bootstrap["accuracy"].p) and np.isnan([one.p for one in found.delong.values()]).all()


def test_the_paired_test_sees_what_the_unpaired_one_cannot():
    """Case by case a little better: far beyond chance on the same cases, nothing on others."""
    a = system(1.0, 200)
    tilted = a.probabilities + 0.3 * np.eye(3)[a.truth]
    b = replace(a, probabilities=tilted / tilted.sum(axis=1, keepdims=True))
    apart = replace(b, cases=tuple(f"other {name}" for name in b.cases), patients=tuple(f"{p}b" for p in b.patients))
    paired = compare({"a": a, "b": b}).against["b"]
    unpaired = compare({"a": a, "b": apart})
    assert paired.paired and not unpaired.against["b"].paired and unpaired.against["b"].mcnemar is None
    for name in ("auc_cap", "auc_covid-19"):
        assert paired.delong[name].value == pytest.approx(unpaired.against["b"].delong[name].value)
        assert paired.delong[name].p < 0.001 and paired.delong[name].p < unpaired.against["b"].delong[name].p
        assert paired.bootstrap[name].p < 0.002
    assert "Not paired: b has no scan in common with a" in unpaired.notes[0]


def test_delong_of_two_samples_adds_their_variances():
    """The variance of one AUC, by the placements of its cases, one by one."""
    a, b = system(1.0, 40), system(0.5, 50, seed=1, first=100)

    def area_and_variance(one):
        up, down = one.probabilities[one.truth == 1, 1], one.probabilities[one.truth != 1, 1]
        order = (up[:, None] > down) + 0.5 * (up[:, None] == down)
        return order.mean(), order.mean(axis=1).var(ddof=1) / len(up) + order.mean(axis=0).var(ddof=1) / len(down)

    (area_a, var_a), (area_b, var_b) = area_and_variance(a), area_and_variance(b)
    one = compare({"a": a, "b": b}, resamples=10).against["b"].delong["auc_covid-19"]
    assert one.value == pytest.approx(area_b - area_a)
    assert one.p == pytest.approx(2 * norm.sf(abs(area_b - area_a) / (var_a + var_b) ** 0.5), rel=1e-6)


def test_holm_is_taken_over_the_systems():
    systems = {
        name: system(skill, seed=n) for n, (name, skill) in enumerate(zip("abcd", (2, 1, 1.5, 0.1), strict=True))
    }
    found = compare(systems, resamples=200).against
    p = sorted(one.bootstrap["accuracy"].p for one in found.values())
    adjusted = sorted(one.bootstrap["accuracy"].p_holm for one in found.values())
    assert adjusted[0] == pytest.approx(3 * p[0]) and adjusted[2] <= 1 and adjusted[1] >= 2 * p[1] - 1e-12
    alone = compare({"a": systems["a"], "b": systems["b"]}, resamples=200).against["b"]
    assert alone.bootstrap["accuracy"].p_holm == alone.bootstrap["accuracy"].p


def test_a_figure_without_its_cases_is_not_compared():
    a, b = (take(one, np.flatnonzero(one.truth < 2)) for one in (system(1.0), system(1.5, seed=1)))
    found = compare({"a": a, "b": b}, resamples=20).against["b"]
    assert np.isnan([found.bootstrap["auc_cap"].p, found.delong["auc_cap"].p, found.delong["auc_cap"].low]).all()
    assert 0 < found.bootstrap["auc_covid-19"].p <= 1


def test_what_cannot_be_compared_is_told():
    a = system(1.0)
    with pytest.raises(InputError, match=r"two systems or more are compared\. Received: a"):
        compare({"a": a})
    with pytest.raises(InputError, match=r"different labels apart.* Received: healthy, covid-19, cap; healthy, cap"):
        compare({"a": a, "b": system(1.0, labels=("healthy", "cap"))})
    with pytest.raises(InputError, match=r"a answers for a scan\. Received: b, for a patient"):
        compare({"a": a, "b": replace(a, level="patient")})
    with pytest.raises(InputError, match=r"1 case\(s\) have another truth in b than in a; such as scan0"):
        compare({"a": a, "b": replace(a, truth=np.r_[(a.truth[0] + 1) % 3, a.truth[1:]])})
    with pytest.raises(InputError, match="no case was answered by all; compare them in pairs"):
        compare({"a": a, "b": take(a, range(20)), "c": take(a, range(30, 50))})
    with pytest.raises(InputError, match=r"b: two answers for one scan\. Received: scan3"):
        compare({"a": a, "b": take(a, [1, 2, 3, 3])})


@pytest.mark.slow
def test_equally_good_systems_seem_to_differ_as_rarely_as_the_p_values_say():
    """A thousand pairs on 80 patients: the share of p < 0.05 has a standard error of 0.7 %."""
    rng, false_alarms = np.random.default_rng(0), []
    for _ in range(1000):
        truth = (rng.random(80) < 0.5).astype(int)
        seen = rng.normal(size=80)  # what makes a case hard for both
        pair = {}
        for name in "ab":
            p = 1 / (1 + np.exp(-(2 * truth - 1 + 0.6 * seen + 0.8 * rng.normal(size=80))))
            names = tuple(map(str, range(80)))
            table = np.stack([1 - p, p], axis=1)
            pair[name] = Predictions(("healthy", "covid-19"), names, names, truth, table, table.argmax(axis=1))
        found = compare(pair, resamples=400).against["b"]
        tests = [found.bootstrap[name].p for name in ("accuracy", "fne", "auc_covid-19")]
        false_alarms.append([*tests, found.delong["auc_covid-19"].p, found.mcnemar.mid_p])
    shares = (np.array(false_alarms) < 0.05).mean(axis=0)
    print(shares)  # of accuracy, FNE and AUC by bootstrap, of DeLong's test, of McNemar's
    # The bootstrap is on the safe side, as `few_patients` stretches its distances by 3 % to 5 % here.
    assert (shares > 0.02).all() and (shares < 0.065).all(), shares
