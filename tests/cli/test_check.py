import csv
import json
import shutil

from tfcovid.data import Entry, write_manifest


def test_a_clean_cohort_exits_0_and_shows_its_balance(run, cohort):
    result = run("check", cohort.manifest)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == f"{cohort.manifest}: 12 scans of 12 patients"
    assert "  train    cap              1 scans     1 patients" in lines
    assert lines[-1] == "0 errors, 24 warnings"  # of each phantom: few slices, far apart
    assert "          ... and 9 more; see --csv" in lines


def test_a_planted_leak_exits_1_and_all_findings_are_written(run, cohort, tmp_path):
    train, test = (next(e for e in cohort.entries if e.split == split) for split in ("train", "test"))
    shutil.copytree(train.scan, tmp_path / "copy")
    (tmp_path / "broken.nii").write_bytes(b"not a scan")
    entries = [
        *cohort.entries,
        Entry(tmp_path / "copy", "new", train.label, "test"),
        Entry(tmp_path / "broken.nii", test.patient, test.label, "train"),
    ]
    write_manifest(entries, tmp_path / "m.csv")
    result = run("check", tmp_path / "m.csv", "--json", tmp_path / "f.json", "--csv", tmp_path / "f.csv")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "3 errors, 26 warnings"
    whole = json.loads((tmp_path / "f.json").read_text())
    errors = [finding["name"] for finding in whole["findings"] if finding["severity"] == "error"]
    assert errors == ["patient-in-two-splits", "unreadable-scan", "identical-across-splits"]
    with (tmp_path / "f.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [finding["name"] for finding in whole["findings"]] and len(rows) == 29
    assert rows[0] == {
        "severity": "error",
        "name": "patient-in-two-splits",
        "about": test.patient,
        "seen": "stands in test and train.",
    }


def test_what_is_no_manifest_is_told(run, tmp_path):
    result = run("check", tmp_path / "none.csv")
    assert result.exit_code == 2 and "no such file" in result.stderr
