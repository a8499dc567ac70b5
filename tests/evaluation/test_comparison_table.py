from dataclasses import replace

import numpy as np

from tests.evaluation.test_compare import system, take
from tfcovid.evaluation.compare import compare
from tfcovid.evaluation.comparison_table import comparison_table


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_a_system_with_p_against_the_first():
    systems = {"ours": system(3.0), "theirs": system(0.2, seed=1), "a|b": system(2.8, seed=2)}
    comparison = compare(systems, resamples=1000)
    lines = comparison_table(comparison)
    head, _, ours, theirs, _ = lines[:5]
    assert cells(head) == ["system", "accuracy", "balanced accuracy", "macro-F1", "AUC", "FPE", "FNE", "FDPE"]
    accuracy = comparison.scores["ours"].figures["accuracy"]
    assert cells(ours)[1] == f"{accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]"
    assert cells(theirs)[1].endswith("(p = 0.002)")  # the least of 1,000 resamples, of two systems
    assert lines[4].startswith("| a\\|b |")
    mcnemar = comparison.against["theirs"].mcnemar
    assert cells(lines[14])[:3] == ["theirs", str(mcnemar.only_second), str(mcnemar.only_first)]
    assert any("FDPE: share of disease called another disease." in line for line in lines)
    assert lines[-1] == "- p-values are adjusted by Holm over the 2 systems, each test of each figure for itself."


def test_two_systems_are_not_adjusted_and_what_is_not_defined_is_a_dash():
    a, b = (take(one, np.flatnonzero(one.truth < 2)) for one in (system(1.0), system(1.5, seed=1)))
    comparison = compare({"a": a, "b": b}, resamples=50)
    lines = comparison_table(comparison)
    p = comparison.against["b"].bootstrap["accuracy"].p
    assert cells(lines[3])[0] == "b" and cells(lines[3])[1].endswith(f"(p = {p:.3f})") and 0.001 < p < 1
    assert cells(lines[5]) == ["system", *(f"AUC {label} (DeLong)" for label in a.labels)]
    assert [cells(line)[3] for line in lines[7:9]] == ["-", "-"]  # of cap, which nobody has
    assert "Holm" not in "".join(lines) and "nan" not in "".join(lines)


def test_the_least_p_that_resamples_show_is_the_one_that_is_printed():
    a = system(1.0)
    comparison = compare({"a": replace(a, called=a.truth), "b": replace(a, called=(a.truth + 1) % 3)}, resamples=1000)
    lines = comparison_table(comparison)
    assert cells(lines[3])[1].endswith("(p = 0.001)") and any("no p is below 0.001." in line for line in lines)
