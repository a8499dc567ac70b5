"""Whether systems differ, or whether what sets them apart is chance."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from scipy.special import ndtr, ndtri

from tfcovid.errors import InputError
from tfcovid.evaluation.boot_measure import boot_measure
from tfcovid.evaluation.delong import delong
from tfcovid.evaluation.holm import holm
from tfcovid.evaluation.mcnemar import McNemar, mcnemar
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import Score, score

_MAIN = ("accuracy", "balanced_accuracy", "macro_f1", "auc_macro", "fpe", "fne", "fdpe")


@dataclass(frozen=True)
class Difference:
    """A figure of a system less that of the reference, its 95 % interval and two-sided p-value; NaN: not defined.

    Attributes:
        p_holm: adjusted over the systems that are compared with the reference.
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float = nan


@dataclass(frozen=True)
class Against:
    """One system against the reference.

    Attributes:
        paired: both were measured on the same cases.
        bootstrap: figure -> difference.
        delong: auc_<label> -> difference.
        mcnemar: of whether the calls are right; None where the systems are not paired.
        exact_holm, mid_p_holm: its p-values, adjusted over the systems that are compared with the reference.
    """

    paired: bool
    bootstrap: dict[str, Difference]
    delong: dict[str, Difference]
    mcnemar: McNemar | None = None
    exact_holm: float = nan
    mid_p_holm: float = nan


@dataclass(frozen=True)
class Comparison:
    """Systems compared with the first.

    Attributes:
        systems: what was compared of each, in the order given; the first is the reference.
        scores: of each, on these cases.
        against: all but the reference.
        notes: in words, what was compared on what.
    """

    systems: dict[str, Predictions]
    scores: dict[str, Score]
    against: dict[str, Against]
    resamples: int
    seed: int
    notes: list[str]

    @property
    def reference(self) -> str:
        return next(iter(self.systems))


def compare(systems: Mapping[str, Predictions], resamples: int = 1000, seed: int = 0) -> Comparison:
    """Compares systems with the first of them.

    Systems that share cases with the first are paired: all of them are measured on the cases that every one answered,
    and in each resample the same patients are drawn for all. A system without a case in common is measured on its own
    cases, with draws of its own, as M3Lung-Sys does (section IV.B, footnote 3).

    Bootstrap over patients: with d the difference and d* that of a resample, d* - d spreads as d would around zero if
    the systems were equal. p is the share of resamples with |d* - d| >= |d|, that of the sample itself counted in, so
    that p is 1 / (resamples + 1) at least (Hall and Wilson, Biometrics 47, 1991); the interval is d and the 95 %
    quantile of |d* - d| to both sides, and leaves zero out where p is below 0.05. Of 3,000 simulated pairs of equally
    good systems each, on 60 and on 200 patients, p < 0.05 came up in 3.7 to 5.6 % for accuracy, FNE and AUC.

    DeLong's test is that of Biometrics 44 (1988), with the patients' cases taken together (Obuchowski, Biometrics 53,
    1997); McNemar's is exact, see `mcnemar`. Each kind of test of each figure is adjusted over the systems by `holm`.

    Args:
        systems: name -> predictions with the same labels, at the same level.

    Raises:
        InputError: fewer than two systems, different labels or levels, a case with two truths, or systems of which
            each shares cases with the first but none is shared by all.
    """
    if len(systems) < 2:
        raise InputError(f"two systems or more are compared. Received: {', '.join(systems) or 'none'}")
    systems, notes = _alike(systems)
    systems, paired, more = _matched(systems)
    notes += more
    measured, places = {}, list(systems)
    for name, one in systems.items():
        draw = seed if name in paired else [seed, places.index(name)]
        found = boot_measure(one, resamples, draw)
        measured[name] = {key: found[key] for key in found if key in _MAIN or key.startswith("auc_")}
    reference, *others = systems
    against = {}
    for name in others:
        first, other = systems[reference], systems[name]
        test = None
        if name in paired:
            test = mcnemar(first.called == first.truth, other.called == other.truth, first.patients)
        against[name] = Against(
            name in paired,
            {key: _bootstrap(values - measured[reference][key]) for key, values in measured[name].items()},
            _delong(first, other, name in paired),
            test,
        )
    scores = {name: score(one, resamples, seed) for name, one in systems.items()}
    return Comparison(systems, scores, _adjusted(against), resamples, seed, notes)


def _alike(systems: Mapping[str, Predictions]) -> tuple[dict[str, Predictions], list[str]]:
    """The systems with their labels in the order of the first."""
    names = list(systems)
    first, notes = systems[names[0]], []
    found = {}
    for name, one in systems.items():
        if set(one.labels) != set(first.labels):
            raise InputError(
                f"{names[0]} and {name} tell different labels apart and cannot be compared. "
                f"Received: {', '.join(first.labels)}; {', '.join(one.labels)}"
            )
        if one.level != first.level:
            raise InputError(f"{names[0]} answers for a {first.level}. Received: {name}, for a {one.level}")
        if one.labels != first.labels:
            place = np.array([first.labels.index(label) for label in one.labels])
            order = np.argsort(place)
            one = replace(
                one,
                labels=first.labels,
                truth=place[one.truth],
                called=place[one.called],
                probabilities=one.probabilities[:, order],
            )
            notes.append(f"The labels of {name} were put in the order of {names[0]}: {', '.join(first.labels)}.")
        found[name] = one
    return found, notes


def _matched(systems: dict[str, Predictions]) -> tuple[dict[str, Predictions], set[str], list[str]]:
    """What is compared of each system, those that are paired, and what was done, in words."""
    reference = next(iter(systems))
    level, first = systems[reference].level, systems[reference]
    place = {name: {case: n for n, case in enumerate(one.cases)} for name, one in systems.items()}
    for name, one in systems.items():
        if len(place[name]) < len(one.cases):
            raise InputError(
                f"{name}: two answers for one {level}. Received: {Counter(one.cases).most_common(1)[0][0]}"
            )
    paired = [name for name in systems if place[name].keys() & place[reference].keys()]
    shared = [case for case in first.cases if all(case in place[name] for name in paired)]
    if not shared:
        raise InputError(
            f"each of {', '.join(paired[1:])} shares cases with {reference}, but no case was answered by all; "
            "compare them in pairs."
        )
    rows = {name: np.array([place[name][case] for case in shared]) for name in paired}
    for name in paired[1:]:
        differs = np.flatnonzero(systems[name].truth[rows[name]] != first.truth[rows[reference]])
        if len(differs):
            case = shared[differs[0]]
            truths = (first.labels[systems[one].truth[place[one][case]]] for one in (reference, name))
            raise InputError(
                f"{len(differs)} case(s) have another truth in {name} than in {reference}; such as {case}. "
                f"Received: {', '.join(truths)}"
            )
    found, notes = dict(systems), []
    if len(paired) > 1:
        # A table without patients names every case a patient of its own; the one that knows better counts for all.
        owners = {name: [systems[name].patients[row] for row in rows[name]] for name in paired}
        knows = min(paired, key=lambda name: len(set(owners[name])))
        patients = tuple(owners[knows])
        for name in paired:
            one = systems[name]
            found[name] = replace(
                one,
                cases=tuple(shared),
                patients=patients,
                truth=one.truth[rows[name]],
                probabilities=one.probabilities[rows[name]],
                called=one.called[rows[name]],
            )
        notes.append(
            f"Paired: {', '.join(paired)}, on the {len(shared)} {_plural(level)} of {len(set(patients))} patients "
            "that all of them answered."
        )
        if len(set(owners[reference])) != len(set(patients)):
            notes.append(f"Whose a {level} is, is taken from {knows}.")
        for name in paired:
            left = len(systems[name].cases) - len(shared)
            if left:
                half = "; less than half remains" * (left > len(shared))
                notes.append(f"{left} {_plural(level)} of {name} were left out, which not all answered{half}.")
    for name, one in systems.items():
        if name in paired:
            continue
        notes.append(
            f"Not paired: {name} has no {level} in common with {reference}; it is measured on its own "
            f"{len(one.cases)} {_plural(level)} of {len(set(one.patients))} patients, {reference} on "
            f"{len(found[reference].cases)} of {len(set(found[reference].patients))}."
        )
        both = set(one.patients) & set(found[reference].patients)
        if both:
            notes.append(
                f"{len(both)} patients have the same name in {name} and {reference}; they count as different people."
            )
    return found, set(paired), notes


def _plural(level: str) -> str:
    return f"{level}s"


def _bootstrap(differences: np.ndarray) -> Difference:
    """From the difference in the sample, first, and in each resample."""
    value, drawn = differences[0], differences[1:][np.isfinite(differences[1:])]
    if not np.isfinite(value) or not len(drawn):
        return Difference(nan, nan, nan, nan)
    distance = np.abs(drawn - value)
    # Equal but for rounding is equal.
    p = (1 + (distance >= abs(value) - 1e-12).sum()) / (1 + len(drawn))
    return Difference(float(value), *_around(value, np.quantile(distance, 0.95)), float(p))


def _delong(first: Predictions, other: Predictions, paired: bool) -> dict[str, Difference]:
    found = {}
    for n, label in enumerate(first.labels):
        if not n and len(first.labels) == 2:
            continue  # says the same as the second
        if paired:
            scores = np.stack([first.probabilities[:, n], other.probabilities[:, n]])
            (a, b), covariance = delong(first.truth == n, scores, first.patients)
            variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
        else:
            each = [delong(one.truth == n, one.probabilities[:, n], one.patients) for one in (first, other)]
            (a, b), variance = (areas[0] for areas, _ in each), sum(covariance[0, 0] for _, covariance in each)
        found[f"auc_{label}"] = _normal(float(b - a), float(variance))
    return found


def _normal(value: float, variance: float) -> Difference:
    if variance < 1e-15:  # but for rounding none: systems that rank alike, or without a mistake
        return Difference(value, value, value, 1.0 if abs(value) < 1e-12 else nan)
    error = variance**0.5
    return Difference(value, *_around(value, ndtri(0.975) * error), float(2 * ndtr(-abs(value) / error)))


def _around(value: float, reach: float) -> list[float]:
    """The interval to both sides, within what a difference of shares can be."""
    return np.clip([value - reach, value + reach], -1, 1).tolist()


def _adjusted(against: dict[str, Against]) -> dict[str, Against]:
    """With Holm's p-values over the systems, for each kind of test and each figure."""

    def over_systems(kind: str) -> dict[str, dict[str, Difference]]:
        tables = [getattr(one, kind) for one in against.values()]
        adjusted = {key: holm([table[key].p for table in tables]) for key in tables[0]}
        return {
            name: {key: replace(one, p_holm=adjusted[key][n]) for key, one in table.items()}
            for n, (name, table) in enumerate(zip(against, tables, strict=True))
        }

    bootstrap, areas = over_systems("bootstrap"), over_systems("delong")
    exact, mid_p = (holm([getattr(one.mcnemar, kind, nan) for one in against.values()]) for kind in ("exact", "mid_p"))
    return {
        name: replace(one, bootstrap=bootstrap[name], delong=areas[name], exact_holm=exact[n], mid_p_holm=mid_p[n])
        for n, (name, one) in enumerate(against.items())
    }
