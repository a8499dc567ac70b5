import csv
import json
import shutil

import pytest

from tests.evaluation.test_compare import system
from tests.evaluation.test_read_systems import rows, write_evaluation
from tfcovid.evaluation.predictions import write_predictions

WRITTEN = ["comparison.csv", "comparison.json", "comparison.md", "forest.png", "roc.png"]


@pytest.fixture
def tables(tmp_path):
    write_evaluation(tmp_path / "ours", system(2.0))
    write_predictions(rows(system(1.0, seed=1)), tmp_path / "theirs.csv")
    return tmp_path / "ours", tmp_path / "theirs.csv"


def test_tables_and_figures_are_written_and_the_table_is_printed(run, tables, tmp_path):
    result = run("compare", *tables, "-o", tmp_path / "out", "--resamples", "200")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == WRITTEN
    text = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8")
    assert text in result.stdout and "Paired: ours, theirs, on the 60 scans of 60 patients" in text
    facts = json.loads((tmp_path / "out" / "comparison.json").read_text())
    found = facts["against"]["theirs"]["bootstrap"]["accuracy"]
    with (tmp_path / "out" / "comparison.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    row = next(r for r in table if (r["system"], r["figure"], r["test"]) == ("theirs", "accuracy", "bootstrap"))
    assert float(row["p"]) == found["p"] and float(row["difference"]) == found["value"]
    ours, theirs = (facts["systems"][name]["figures"]["accuracy"][0] for name in ("ours", "theirs"))
    assert found["value"] == pytest.approx(theirs - ours)
    assert {r["test"] for r in table if (r["system"], r["figure"]) == ("theirs", "accuracy")} == {
        "bootstrap",
        "mcnemar exact",
        "mcnemar mid-p",
    }


def test_a_comparison_and_other_things_that_are_there_are_kept(run, tables, tmp_path):
    words = ("compare", *tables, "-o", tmp_path / "out", "--resamples", "100")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/comparison.md").write_text("ours")
    refused = run(*words)
    assert refused.exit_code == 2 and "overwrite" in refused.stderr
    assert (tmp_path / "out/comparison.md").read_text() == "ours"
    assert run(*words, "--overwrite").exit_code == 0
    (tmp_path / "out/thesis.txt").write_text("years")
    assert "thesis.txt" in run(*words, "--overwrite").stderr


def test_systems_are_named_at_will(run, tables):
    result = run("compare", *tables, "--names", "M3Lung-Sys,COVNet", "--level", "patient", "--resamples", "100")
    assert "Paired: M3Lung-Sys, COVNet, on the 60 patients" in result.stdout
    assert "as many different names. Received: A" in run("compare", *tables, "--names", "A").stderr


def test_a_bundle_and_its_copy_do_not_differ(run, bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "copy")
    result = run("compare", bundle, tmp_path / "copy", "--resamples", "100")
    assert result.exit_code == 0, result.stderr
    assert "(p = 1.000)" in result.stdout and "Paired: bundle, copy, on the 4 scans of 4 patients" in result.stdout
    assert "its own validation" in result.stderr


@pytest.fixture
def ablations(tiny_settings, tmp_path):
    """Two variants of a system that trains in seconds."""
    common = dict(one.split("=", 1) for one in tiny_settings if not one.startswith("patient_net"))
    common |= {"patient_net.kind": "mean", "slice_training.epochs": 1, "window.predict": "[-600]"}
    common |= {"slice_net.kind": "classifier", "slice_net.variant": "resnet10_compact"}
    (tmp_path / "mine.yaml").write_text(
        "config: demo\nset:\n"
        + "".join(f"  {key}: {value}\n" for key, value in common.items())
        + "columns: {Dropout: slice_net.dropout}\n"
        "variants:\n  Without: {}\n  With it: {slice_net.dropout: 0.5}\n"
    )
    return tmp_path / "mine.yaml"


def test_variants_are_trained_once_and_compared_in_a_table_with_ticks(run, ablations, cohort, store, tmp_path):
    words = ("compare", "--ablations", ablations, cohort.manifest, "-o", tmp_path / "out", "--store", store)
    result = run(*words, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "With it (reference)" in result.stdout and "4 scans to test on. Nothing was written." in result.stdout
    assert "  slice_net.dropout=0.5\n" in result.stdout and not (tmp_path / "out").exists()

    result = run(*words, "--resamples", "100")
    assert result.exit_code == 0, result.stderr
    lines = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| Method | Dropout | Accuracy [95 % interval] (p) | FPE | FNE | FDPE |"
    assert lines[2].startswith("| Without |  | ") and "(p " in lines[2]
    assert lines[3].startswith("| With it | ✓ | ") and "(p " not in lines[3]
    assert "on the 4 scans of 4 patients that all of them answered" in "".join(lines)

    variants = tmp_path / "out" / "variants"
    kept = {path: path.stat().st_mtime_ns for path in variants.glob("*/slice.keras")}
    assert [path.parent.name for path in sorted(kept)] == ["with_it", "without"]
    again = run(*words, "--resamples", "100")
    assert again.exit_code == 0
    assert (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8").splitlines() == lines
    assert {path: path.stat().st_mtime_ns for path in variants.glob("*/slice.keras")} == kept
    assert "without (finished)" in run(*words, "--dry-run").stdout

    other = run(*words, "--set", "slice_training.epochs=2")
    assert other.exit_code == 2 and "was trained with other settings than variant Without has now" in other.stderr
    moved = tmp_path / "moved.csv"
    moved.write_text(cohort.manifest.read_text().replace(",val", ",train"))
    other = run(*(moved if word == cohort.manifest else word for word in words))
    assert other.exit_code == 2 and "holds variants of another manifest" in other.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("a.csv", "--dry-run"), "go with --ablations"),
        (("m.csv", "--ablations", "m3lung_slices"), "it is: tfcovid compare --ablations FILE MANIFEST -o OUT"),
        (("m.csv", "--ablations", "m3lung_slices", "-o", "o", "--names", "a,b"), "variants are named in m3lung_slices"),
        (("m.csv", "--ablations", "m3lung_slices", "-o", "o", "--level", "slice"), "compared by scan or patient"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run, words, told):
    result = run("compare", *words)
    assert result.exit_code == 2 and told in result.stderr


def test_variants_need_scans_to_test_on(run, cohort, tmp_path):
    (tmp_path / "m.csv").write_text(cohort.manifest.read_text().replace(",test", ",val"))
    result = run("compare", "--ablations", "m3lung_slices", tmp_path / "m.csv", "-o", tmp_path / "o", "--dry-run")
    assert result.exit_code == 2 and "no scan in split test" in result.stderr
