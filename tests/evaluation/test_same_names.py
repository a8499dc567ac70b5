from dataclasses import replace

from tests.evaluation.test_compare import system
from tfcovid.evaluation.same_names import same_names


def test_names_that_end_alike_are_those_of_the_first_where_the_patient_is_the_same():
    first = system(1.0, 4)
    moved = replace(system(2.0, 4), cases=tuple(f"x/{case}" for case in first.cases))
    found, notes = same_names({"a": first, "b": moved})
    assert found["a"] is first and found["b"].cases == first.cases and found["b"].patients == first.patients
    assert notes == ["b: 4 scans are those of a by the ends of their names, for example x/scan0 and scan0"]
    strangers = replace(moved, patients=tuple(f"other {patient}" for patient in moved.patients))
    found, notes = same_names({"a": first, "b": strangers})
    assert found["b"].cases == strangers.cases and notes == []


def test_a_table_without_patients_takes_those_of_the_other_unless_the_truths_differ():
    first = system(1.0, 4, per_patient=2)
    bare = replace(first, cases=tuple(f"x/{case}" for case in first.cases), patients=tuple("abcd"))
    bare = replace(bare, patients=bare.cases)
    found, _ = same_names({"a": first, "b": bare})
    assert found["b"].cases == first.cases and found["b"].patients == first.patients
    found, _ = same_names({"b": bare, "a": first})
    assert found["b"].cases == found["a"].cases == bare.cases and found["b"].patients == first.patients
    elsewhere = replace(bare, truth=(bare.truth + 1) % 3)
    found, notes = same_names({"a": first, "b": elsewhere})
    assert found["b"].cases == bare.cases and found["b"].patients == bare.patients and notes == []
