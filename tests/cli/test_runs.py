import csv

from tests.evaluation.test_list_runs import SYSTEM, write_run


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_runs_are_listed_a_line_each(run, tmp_path):
    write_run(tmp_path / "a", validation_scans={"accuracy": [0.75, 0.5, 1.0], "macro_f1": [0.5, 0.25, 0.75]})
    write_run(tmp_path / "b.work", finished=False)
    result = run("runs", tmp_path, "--csv", tmp_path / "runs.csv")
    _, first, second = result.stdout.strip().splitlines()
    assert first.startswith("small") and "accuracy 0.750, macro f1 0.500" in first and "4 s" in first
    assert "2, unfinished" in second and "abc" in second
    head, one, other = rows(tmp_path / "runs.csv")
    assert dict(zip(head, one, strict=True))["accuracy"] == "0.75"
    assert dict(zip(head, other, strict=True))["accuracy"] == ""


def test_two_bundles_are_compared_in_the_order_they_are_named(run, tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", {**SYSTEM, "seed": 7})
    result = run("runs", tmp_path / "b", tmp_path / "a", "--csv", tmp_path / "both.csv")
    assert "seed" in result.stdout and "crop" not in result.stdout
    assert rows(tmp_path / "both.csv")[1:] == [["seed", "7", "0"], ["slice epochs", "2", "2"], ["slice loss", "2", "2"]]


def test_nothing_to_list_is_said(run, tmp_path):
    assert "no bundle and no unfinished run below" in run("runs", tmp_path).output
    assert run("runs", tmp_path / "none").exit_code == 2
