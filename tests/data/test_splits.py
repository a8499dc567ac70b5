from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcovid.data import Entry, assign_splits, check_splits
from tfcovid.errors import InputError

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


def scans(**patients_of):
    """Two scans of every patient."""
    return [
        Entry(Path(f"{label}-{n}-{scan}"), f"{label}-{n}", label)
        for label, count in patients_of.items()
        for n in range(count)
        for scan in range(2)
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(3, 40),
    st.integers(3, 40),
    st.integers(0, 5),
    st.tuples(*[st.integers(1, 9)] * 3).map(lambda s: dict(zip(SHARES, (x / sum(s) for x in s), strict=True))),
    st.randoms(),
)
def test_splits_keep_patients_whole_and_labels_in_proportion(healthy, sick, seed, shares, random):
    entries = scans(healthy=healthy, sick=sick)
    split = assign_splits(entries, shares, seed)
    assert [(e.scan, e.patient, e.label) for e in split] == [(e.scan, e.patient, e.label) for e in entries]
    check_splits(split)
    for label, total in (("healthy", healthy), ("sick", sick)):
        counts = Counter({e.patient: e.split for e in split if e.label == label}.values())
        assert set(counts) == set(shares)  # each has one at least
        for name, share in shares.items():
            # Off by less than a patient; by more only to give every split its one.
            assert abs(counts[name] - share * total) < 1 or min(counts.values()) == 1
    mixed = random.sample(entries, len(entries))
    again = {e.scan: e.split for e in assign_splits(mixed, shares, seed)}
    assert again == {e.scan: e.split for e in split}


def test_another_seed_draws_others():
    entries = scans(healthy=20)
    assert assign_splits(entries, SHARES, 0) != assign_splits(entries, SHARES, 1)


def test_a_patient_with_several_labels_is_one_patient():
    entries = [*scans(cap=9, healthy=9), *(Entry(Path(f"x{n}"), f"cap-{n}", "healthy") for n in range(9))]
    check_splits(assign_splits(entries, SHARES))


def test_too_few_patients_and_wrong_shares_are_refused():
    with pytest.raises(InputError, match=r"label sick has 2 patient\(s\), too few for the splits train, val, test"):
        assign_splits(scans(healthy=5, sick=2), SHARES)
    for shares in ({"train": 0.5, "val": 0.4}, {"train": 1.2, "val": -0.2}, {"train": float("nan"), "val": 0.5}):
        with pytest.raises(InputError, match="shares of the splits are above 0 and add up to 1"):
            assign_splits(scans(healthy=5), shares)


def test_a_leak_names_every_patient_and_its_splits():
    leak = [Entry(Path(f"{p}{s}"), p, "cap", s) for p in ("Ann", "Bob") for s in ("test", "train")]
    with pytest.raises(InputError, match=r"m\.csv: 2 patient.*Ann in test and train; Bob in test and train"):
        check_splits(leak, "m.csv")
