import csv
import json
import shutil

import pytest

from tfcovid.report.rounded import rounded


@pytest.fixture
def scans(cohort, tmp_path):
    """A folder of three scans, the second of them broken."""
    folder = tmp_path / "scans"
    for entry, place in zip(cohort.entries, ("a", "b c/ä", "d"), strict=False):
        shutil.copytree(entry.scan, folder / place)
    broken = sorted((folder / "b c" / "ä").iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:700])
    return folder


def table(out):
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return {row["scan"]: row for row in csv.DictReader(file)}


def test_one_scan_is_diagnosed_into_the_folder(run, bundle, held_out, tmp_path):
    result = run("predict", bundle, held_out, "-o", tmp_path / "out")
    assert result.exit_code == 0
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert result.stdout.splitlines()[0] == found["diagnosis"]
    assert all(f"{label:12} {rounded(value)}" in result.stdout for label, value in found["probabilities"].items())
    assert len(result.stdout.split("refer to a radiologist")) == 1 + found["uncertainty"]["refer"]
    assert "Research use only" in result.stdout and "too-few-slices" in result.stderr
    again = run("predict", bundle, held_out, "-o", tmp_path / "out")
    assert again.exit_code == 2 and "pass --overwrite" in again.stderr
    assert run("predict", bundle, held_out, "-o", tmp_path / "out", "--overwrite").exit_code == 0


def test_a_folder_of_scans_goes_on_past_a_broken_one_and_keeps_what_is_finished(run, bundle, scans, tmp_path):
    out = tmp_path / "out"
    result = run("predict", bundle, scans, "-o", out)
    assert result.exit_code == 1 and "2 scans diagnosed, 1 left out" in result.stdout
    first = table(out)
    assert set(first) == {"a", "b c/ä", "d"} and {path.name for path in out.iterdir()} == {"a", "d", "predictions.csv"}
    assert "truncated-file" in first["b c/ä"]["error"] and not first["b c/ä"]["diagnosis"]
    for name in ("a", "d"):
        found = json.loads((out / name / "report.json").read_text())
        assert first[name]["diagnosis"] == found["diagnosis"] and not first[name]["error"]
        assert float(first[name]["p_cap"]) == found["probabilities"]["cap"]

    written = {name: (out / name / "report.json").stat().st_ino for name in ("a", "d")}
    shutil.rmtree(scans / "b c" / "ä")
    shutil.copytree(scans / "a", scans / "b c" / "ä")
    result = run("predict", bundle, scans, "-o", out)
    assert result.exit_code == 0 and "3 scans diagnosed, 0 left out" in result.stdout
    second = table(out)
    assert {name: second[name] for name in ("a", "d")} == {name: first[name] for name in ("a", "d")}
    assert second["b c/ä"]["p_cap"] == second["a"]["p_cap"]
    assert {name: (out / name / "report.json").stat().st_ino for name in ("a", "d")} == written


def test_results_inside_the_folder_of_scans_are_not_taken_for_scans(run, bundle, scans):
    run("predict", bundle, scans, "-o", scans / "out")
    result = run("predict", bundle, scans, "-o", scans / "out")
    assert set(table(scans / "out")) == {"a", "b c/ä", "d"}, result.output


def test_results_of_another_bundle_are_not_passed_off_as_this_ones(run, bundle, scans, tmp_path):
    run("predict", bundle, scans, "-o", tmp_path / "out")
    other = shutil.copytree(bundle, tmp_path / "other")
    facts = json.loads((other / "bundle.json").read_text())
    facts["weights_sha256"]["slice"] = "0" * 64
    (other / "bundle.json").write_text(json.dumps(facts))
    result = run("predict", other, scans, "-o", tmp_path / "out")
    found = json.loads((tmp_path / "out" / "a" / "report.json").read_text())
    assert result.exit_code == 2 or found["bundle"]["weights_sha256"]["slice"] == "0" * 64


def test_a_dry_run_lists_the_scans(run, bundle, scans, tmp_path):
    result = run("predict", bundle, scans, "-o", tmp_path / "out", "--dry-run")
    assert result.stdout.splitlines() == [str(scans / place) for place in ("a", "b c/ä", "d")]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "place, options, words",
    [
        ("bundle", [], "not a bundle"),
        ("scan", [], "no such scan"),
        ("scan is text", [], "there is no scan here"),
        ("output is a file", [], "notes.txt"),
        ("", ["--allow", "typo"], "typo"),
        ("", ["--series", "1.2.3"], "there is no such series"),
    ],
)
def test_wrong_input_is_told_with_exit_code_2(run, bundle, held_out, tmp_path, place, options, words):
    (tmp_path / "notes.txt").write_text("no scan")
    scan = {"scan": tmp_path / "gone", "scan is text": tmp_path / "notes.txt"}.get(place, held_out)
    out = tmp_path / "notes.txt" if place == "output is a file" else tmp_path / "out"
    result = run("predict", tmp_path if place == "bundle" else bundle, scan, "-o", out, *options)
    assert result.exit_code == 2 and words in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "no scan"


def test_a_mistyped_finding_is_told_once_for_a_folder_of_scans(run, bundle, scans, tmp_path):
    result = run("predict", bundle, scans, "-o", tmp_path / "out", "--allow", "typo")
    assert result.exit_code == 2 and result.stderr.count("typo") == 1


def test_the_patient_is_named_in_the_page_of_one_scan_if_asked(run, bundle, held_out, scans, tmp_path):
    from tfcovid.scans import read_scan, write_nifti

    named = read_scan(held_out, identity=True).identity["PatientID"]
    result = run("predict", bundle, held_out, "-o", tmp_path / "named", "--with-identity")
    assert result.exit_code == 0 and named in (tmp_path / "named/report.html").read_text()
    assert named not in (tmp_path / "named/report.json").read_text()
    refused = run("predict", bundle, scans, "-o", tmp_path / "many", "--with-identity")
    assert refused.exit_code == 2 and "for one scan" in refused.stderr
    scan = read_scan(held_out)
    write_nifti(scan.voxels, tmp_path / "scan.nii.gz", like=scan)
    nobody = run("predict", bundle, tmp_path / "scan.nii.gz", "-o", tmp_path / "nobody", "--with-identity")
    assert "does not say whose it is" in nobody.stderr
