from dataclasses import replace

import pytest

from tfcovid.data import slice_targets
from tfcovid.errors import InputError
from tfcovid.inference.evaluate_system import Case, clear_work, evaluate_system, predictions_of, referred


@pytest.fixture
def entries(cohort):
    return [entry for entry in cohort.entries if entry.split == "test"]


def test_a_stopped_evaluation_goes_on_where_it_was_and_says_the_same(system, entries, tmp_path, monkeypatch):
    started = evaluate_system(system, entries, tmp_path, reports="none")
    first = [next(started), next(started)]
    read = []
    monkeypatch.setattr(type(system), "diagnose", _counting(type(system).diagnose, read))

    cases = list(evaluate_system(system, entries, tmp_path, reports="none"))

    assert len(read) == len(entries) - 2
    assert cases[:2] == first
    for entry, case in zip(entries, cases, strict=True):
        assert case.row["scan"] == str(entry.scan)
        assert case.row["truth"] == entry.label


def _counting(diagnose, calls):
    def counted(*arguments, **options):
        calls.append(1)
        return diagnose(*arguments, **options)

    return counted


def test_slices_are_scored_where_their_label_is_known(system, entries, tmp_path):
    marked = list(evaluate_system(system, entries, tmp_path, reports="none"))
    unmarked = list(evaluate_system(system, [replace(e, slice_labels=None) for e in entries], tmp_path, reports="none"))

    for entry, case, without in zip(entries, marked, unmarked, strict=True):
        targets = slice_targets(entry, system.config.labels, 8)
        assert [row["scan"] for row in case.slices] == [f"{entry.scan}#{k}" for k in range(8) if targets[k] >= 0]
        assert len(without.slices) == (8 if entry.label == "healthy" else 0)


def test_an_unreadable_scan_is_told_and_tried_again(system, entries, tmp_path):
    broken = [*entries[:1], replace(entries[0], scan=tmp_path / "gone")]

    cases = list(evaluate_system(system, broken, tmp_path / "work", reports="none"))

    assert [bool(case.error) for case in cases] == [False, True]
    assert len(list((tmp_path / "work").glob("*.json"))) == 1
    levels, _ = predictions_of(cases, system.config.labels)
    assert len(levels["scan"].cases) == 1
    with pytest.raises(InputError, match="none of 1 scan"):
        predictions_of(cases[1:], system.config.labels)


def test_slice_labels_that_cannot_be_used_cost_the_slices_and_not_the_scan(system, entries, tmp_path):
    ill = next(entry for entry in entries if entry.label != "healthy")
    (tmp_path / "short.csv").write_text("slice,lesion\n0,1\n")

    (case,) = evaluate_system(system, [replace(ill, slice_labels=tmp_path / "short.csv")], tmp_path / "work")

    assert case.row["scan"] == str(ill.scan) and not case.slices
    assert "short.csv" in case.not_by_slice


def test_only_what_was_noted_is_cleared_away(system, entries, tmp_path):
    list(evaluate_system(system, entries[:1], tmp_path / "work", reports="all"))
    (tmp_path / "work/thesis.txt").write_text("years")
    clear_work(tmp_path / "work")
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["thesis.txt"]


def test_accuracy_of_those_that_are_not_referred():
    cases = [
        Case({"called": "a", "truth": "a"}),
        Case({"called": "a", "truth": "b"}, unlike_training=["slices: 1"]),
        Case({"called": "b", "truth": "a"}, refer=True),
        Case(error="gone"),
    ]

    assert referred(cases) == {"referred": 1, "accuracy_of_the_others": 0.5, "unlike_training": 1}
