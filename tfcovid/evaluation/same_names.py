from collections.abc import Mapping
from dataclasses import replace

from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.same_ends import same_ends


def same_names(systems: Mapping[str, Predictions]) -> tuple[dict[str, Predictions], list[str]]:
    """Gives cases of several systems that are the same the name and the patient that they have in the first.

    Names that end alike, see `same_ends`, are of the same case where they are of the same patient, or where one of the
    two tables knows no patients and the truths agree in all of them. Such a table takes the patients of the other.

    Returns:
        The systems, and what was told to be the same, in words.
    """
    (reference, first), *others = systems.items()
    found, notes = {}, []
    for name, one in others:
        place = {case: n for n, case in enumerate(first.cases)}
        ends = same_ends(one.cases, first.cases)
        rows = [(n, place[ends[case]]) for n, case in enumerate(one.cases) if case in ends]
        if _knows(one) and _knows(first):
            rows = [(n, m) for n, m in rows if one.cases[n] == first.cases[m] or one.patients[n] == first.patients[m]]
        elif any(_truth(one, n) != _truth(first, m) for n, m in rows):
            rows = [(n, m) for n, m in rows if one.cases[n] == first.cases[m]]
        cases, renamed = list(one.cases), [(n, m) for n, m in rows if one.cases[n] != first.cases[m]]
        for n, m in renamed:
            cases[n] = first.cases[m]
        if renamed:
            was, now = one.cases[renamed[0][0]], first.cases[renamed[0][1]]
            notes.append(
                f"{name}: {len(renamed)} {one.level}s are those of {reference} by the ends of their names, for example "
                f"{was} and {now}"
            )
        if rows and _knows(one) and not _knows(first):
            first = _owned(first, {m: one.patients[n] for n, m in rows})
            notes.append(f"{reference}: whose a {one.level} is, is taken from {name}")
        elif rows and not _knows(one):
            if _knows(first):
                notes.append(f"{name}: whose a {one.level} is, is taken from {reference}")
            one = _owned(one, {n: first.patients[m] for n, m in rows})
        found[name] = replace(one, cases=tuple(cases))
    return {reference: first, **found}, notes


def _knows(one: Predictions) -> bool:
    """Whether patients are told apart from scans."""
    scans = (case.rpartition("#")[0] if one.level == "slice" else case for case in one.cases)
    return any(patient != scan for patient, scan in zip(one.patients, scans, strict=True))


def _owned(one: Predictions, patients: Mapping[int, str]) -> Predictions:
    return replace(one, patients=tuple(patients.get(n, patient) for n, patient in enumerate(one.patients)))


def _truth(one: Predictions, n: int) -> str:
    return one.labels[one.truth[n]]
