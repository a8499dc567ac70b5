"""Whether systems differ, or whether what sets them apart is chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import scipy

from tfcovid.errors import InputError
from tfcovid.evaluation.boot_measure import boot_measure
from tfcovid.evaluation.delong import delong
from tfcovid.evaluation.few_patients import Z, few_patients
from tfcovid.evaluation.fewest_patients import fewest_patients
from tfcovid.evaluation.holm import holm
from tfcovid.evaluation.main_figures import MAIN_FIGURES
from tfcovid.evaluation.match_systems import match_systems
from tfcovid.evaluation.mcnemar import McNemar, mcnemar
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import Score, score

_FEWEST = 6  # patients: of five that all favour one system, p is 0.06


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
    quantile of |d* - d| to both sides, and leaves zero out where p is below 0.05. Few patients stretch |d* - d|, see
    `few_patients`, and p is at least what a coin for each of them would give if all fell alike. With fewer than six
    patients of a kind that a figure needs there is neither p nor interval, unless the systems answer alike.
    `tests/evaluation/test_compare.py` has simulations of equally good systems.

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
    systems, paired, notes = match_systems(systems)
    measured, fewest, places = {}, {}, list(systems)
    for name, one in systems.items():
        draw = seed if name in paired else [seed, places.index(name)]
        found = boot_measure(one, resamples, draw)
        measured[name] = {key: found[key] for key in found if key in MAIN_FIGURES or key.startswith("auc_")}
        for key, (patients, _) in fewest_patients(one).items():
            fewest[key] = min(patients, fewest.get(key, patients))
    few = [
        f"{MAIN_FIGURES.get(key, [key.replace('_', ' ')])[0]} ({fewest[key]})"
        for key in measured[name]
        if 0 < fewest[key] < _FEWEST
    ]
    if few:
        notes.append(
            f"No bootstrap p of {', '.join(few)}: in brackets the patients of the fewest kind that it needs. Of fewer "
            f"than {_FEWEST} all may favour one system by chance."
        )
    reference, *others = systems
    against = {}
    for name in others:
        first, other = systems[reference], systems[name]
        test = None
        if name in paired:
            test = mcnemar(first.called == first.truth, other.called == other.truth, first.patients)
        against[name] = Against(
            name in paired,
            {key: _bootstrap(found - measured[reference][key], fewest[key]) for key, found in measured[name].items()},
            _delong(first, other, name in paired),
            test,
        )
    scores = {name: score(one, resamples, seed) for name, one in systems.items()}
    return Comparison(systems, scores, _adjusted(against), resamples, seed, notes)


def _bootstrap(differences: np.ndarray, patients: int) -> Difference:
    """From the difference in the sample, first, and in each resample."""
    value, drawn = float(differences[0]), differences[1:][np.isfinite(differences[1:])]
    if not np.isfinite(value) or not len(drawn):
        return Difference(nan, nan, nan, nan)
    distance = np.abs(drawn - value)
    # Equal but for rounding is equal.
    spreads, differs = distance.max() > 1e-12, abs(value) > 1e-12
    if patients < _FEWEST:
        return Difference(value, nan, nan, nan if spreads or differs else 1.0)
    if not (spreads or differs):
        return Difference(value, value, value, 1.0)
    distance *= few_patients(patients)
    p = (1 + (distance >= abs(value) - 1e-12).sum()) / (1 + len(drawn))
    # Without any spread, twice what Wilson leaves to a share of none.
    reach = np.quantile(distance, 0.95) if spreads else 2 * Z**2 / (patients + Z**2)
    return Difference(value, *_around(value, reach), float(max(p, 2 * 0.5**patients)))


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
        return Difference(value, value, value, 1.0) if abs(value) < 1e-12 else Difference(value, nan, nan, nan)
    error = variance**0.5
    return Difference(value, *_around(value, Z * error), float(2 * scipy.special.ndtr(-abs(value) / error)))


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
