"""Splits that keep each patient on one side."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError


def check_splits(entries: Iterable[Entry], source: Path | str = "manifest") -> None:
    """Raises an InputError that names every patient found in two splits."""
    splits = defaultdict(set)
    for entry in entries:
        splits[entry.patient].add(entry.split or "none")
    leaks = {patient: sorted(found) for patient, found in splits.items() if len(found) > 1}
    if leaks:
        shown = "; ".join(f"{patient} in {' and '.join(found)}" for patient, found in sorted(leaks.items())[:10])
        raise InputError(
            f"{source}: {len(leaks)} patient(s) stand in more than one split, which makes every figure too good. "
            f"Give all scans of a patient one split: {shown}{'; ...' if len(leaks) > 10 else ''}"
        )


def assign_splits(entries: Sequence[Entry], shares: Mapping[str, float], seed: int = 0) -> list[Entry]:
    """Draws a split for every patient, label by label, so that each split has its share of each label.

    A patient with scans of several labels is drawn with the first of them. The draw depends on the seed and the
    names of the patients, not on their order.

    Args:
        shares: such as `{"train": 0.7, "val": 0.1, "test": 0.2}`; they add up to 1.

    Raises:
        InputError: shares that do not add up to 1, or a label with fewer patients than splits.
    """
    if not (abs(sum(shares.values()) - 1) <= 1e-6 and min(shares.values()) > 0):
        raise InputError(f"shares of the splits are above 0 and add up to 1. Received: {dict(shares)}")
    patients: dict[str, list[str]] = defaultdict(list)
    drawn = set()
    for entry in sorted(entries, key=lambda e: (e.label, e.patient)):
        if entry.patient not in drawn:
            patients[entry.label].append(entry.patient)
            drawn.add(entry.patient)
    split_of = {}
    for number, (label, names) in enumerate(sorted(patients.items())):
        if len(names) < len(shares):
            raise InputError(
                f"label {label} has {len(names)} patient(s), too few for the splits {', '.join(shares)}; "
                "add patients or drop a split."
            )
        order = np.random.default_rng([seed, number]).permutation(names)
        # Largest remainders, with one patient at least for every split.
        wanted = np.array(list(shares.values())) * len(names)
        counts = np.maximum(np.floor(wanted).astype(int), 1)
        while counts.sum() != len(names):
            change = 1 if counts.sum() < len(names) else -1
            room = (change > 0) | (counts > 1)
            counts[np.argmax(np.where(room, change * (wanted - counts), -np.inf))] += change
        for split, group in zip(shares, np.split(order, np.cumsum(counts)[:-1]), strict=True):
            split_of |= dict.fromkeys(group.tolist(), split)
    return [replace(entry, split=split_of[entry.patient]) for entry in entries]


def assign_folds(entries: Sequence[Entry], folds: int, seed: int = 0) -> np.ndarray:
    """Draws a fold for every patient, label by label, so that the folds have nearly the same number of each label.

    A patient with scans of several labels is drawn with the first of them; the order of the entries does not matter.

    Returns:
        `(entries,)` int64, from 0 to folds - 1.

    Raises:
        InputError: fewer patients than folds.
    """
    first_label: dict[str, str] = {}
    for entry in sorted(entries, key=lambda e: (e.label, e.patient)):
        first_label.setdefault(entry.patient, entry.label)
    if len(first_label) < folds:
        raise InputError(f"{folds} folds need as many patients or more. Received: {len(first_label)} patient(s)")
    by_label = defaultdict(list)
    for patient, label in first_label.items():
        by_label[label].append(patient)
    rng = np.random.default_rng(seed)
    dealt = [patient for label in sorted(by_label) for patient in rng.permutation(sorted(by_label[label])).tolist()]
    # Dealt out in turn, so that the remainders of the labels do not all fall to the first folds.
    fold_of = {patient: n % folds for n, patient in enumerate(dealt)}
    return np.array([fold_of[entry.patient] for entry in entries])
