from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tfcovid.errors import InputError
from tfcovid.evaluation.cases_text import cases_text
from tfcovid.evaluation.predictions import Predictions


def match_systems(systems: Mapping[str, Predictions]) -> tuple[dict[str, Predictions], set[str], list[str]]:
    """What is compared of each system, the names of those that are paired, and what was done, in words.

    Systems that share cases with the first are paired: only the cases that all of them answered stay, in the order of
    the first, and so do its order of labels, and the patients of the table that knows them best.

    Raises:
        InputError: different labels or levels, a case with two truths or two answers, or systems of which each shares
            cases with the first but none is shared by all.
    """
    systems, notes = _alike(systems)
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
    found = dict(systems)
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
        notes.append(f"Paired: {', '.join(paired)}, on the {_count(found[reference])} that all of them answered.")
        if len(set(owners[reference])) != len(set(patients)):
            notes.append(f"Whose a {level} is, is taken from {knows}.")
        for name in paired:
            left = len(systems[name].cases) - len(shared)
            if left:
                half = "; less than half remains" * (left > len(shared))
                notes.append(f"{left} {level}s of {name} were left out, which not all answered{half}.")
    for name, one in systems.items():
        if name in paired:
            continue
        notes.append(
            f"Not paired: {name} has no {level} in common with {reference}; it is measured on its own "
            f"{_count(one)}, {reference} on {_count(found[reference])}."
        )
        both = set(one.patients) & set(found[reference].patients)
        if both:
            notes.append(
                f"{len(both)} patients have the same name in {name} and {reference}; they count as different people."
            )
    return found, set(paired), notes


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


def _count(one: Predictions) -> str:
    return cases_text(one.level, len(one.cases), len(set(one.patients)))
