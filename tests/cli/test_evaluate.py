import csv
import json

import numpy as np
import pytest

from tfcovid.data import write_manifest


def test_the_figures_of_a_card_are_printed_again(run, bundle, cohort, tmp_path):
    result = run("evaluate", bundle, cohort.manifest, "--split", "val", "-o", tmp_path / "found", "--reports", "all")
    assert result.exit_code == 0, result.stderr
    found, kept = (_rows(folder) for folder in (tmp_path / "found/predictions.csv", bundle / "validation.csv"))
    columns = [name for name in kept[0] if name.startswith("p_")]
    for one, two in zip(found, kept, strict=True):
        assert one["truth"] == two["truth"]
        # Read and cropped anew, not from the store.
        np.testing.assert_allclose([float(one[c]) for c in columns], [float(two[c]) for c in columns], atol=1e-5)
    value, low, high = json.loads((bundle / "bundle.json").read_text())["validation_scans"]["accuracy"]
    assert "4 scans of 4 patients" in result.output
    assert f"accuracy                     {value:.3f} [{low:.3f}, {high:.3f}]" in result.output
    written = json.loads((tmp_path / "found/evaluation.json").read_text())
    assert written["levels"][0]["figures"]["accuracy"]["value"] == value
    assert [score["level"] for score in written["levels"]] == ["scan", "slice"]
    assert written["operating_points"] == []  # it is the validation itself
    assert sorted(page.name for page in (tmp_path / "found/cases").iterdir()) == [f"{n:04d}.html" for n in range(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found"]


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_thresholds_come_from_validation_and_patients_from_their_scans(run, bundle, cohort, tmp_path):
    words = ("--level", "patient", "--sensitivity", "0.6", "-o", tmp_path / "found")
    result = run("evaluate", bundle, cohort.manifest, *words)
    assert result.exit_code == 0, result.stderr
    kept = _rows(bundle / "validation.csv")
    ill = sorted(1 - float(row["p_healthy"]) for row in kept if row["truth"] != "healthy")
    written = json.loads((tmp_path / "found/evaluation.json").read_text())
    assert written["operating_points"][0]["threshold"] == pytest.approx(ill[-2])  # 2 of 3 are the first 0.6 or more
    assert written["levels"][0]["level"] == "patient"
    assert not (tmp_path / "found/cases").exists()  # pages are of scans
    result = run("evaluate", bundle, cohort.manifest, "--sensitivity", "1", "--positive", "cap")
    lowest = min(float(row["p_cap"]) for row in kept if row["truth"] == "cap")
    assert f"cap from {lowest:.4f}" in result.stdout, result.output


def test_predictions_from_anywhere_are_scored_alike(run, bundle, cohort, tmp_path):
    ours = run("evaluate", bundle, cohort.manifest, "-o", tmp_path / "ours", "--reports", "none")
    rows = _rows(tmp_path / "ours/predictions.csv")
    labels = [name for name in rows[0] if name.startswith("p_")]
    with (tmp_path / "theirs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", *labels])
        writer.writeheader()
        writer.writerows({"image": row["scan"], **{label: row[label] for label in labels}} for row in rows)

    theirs = run("evaluate", tmp_path / "theirs.csv", cohort.manifest, "-o", tmp_path / "found")

    assert theirs.exit_code == 0, theirs.stderr
    figures = [line for line in ours.stdout.splitlines() if "[" in line and line.startswith("  ")]
    assert figures and all(line in theirs.stdout for line in figures if "accuracy" in line or "auc" in line)
    assert "4 matched" in theirs.stderr or "split test" in theirs.stderr  # it is scored on the same split
    again = run("evaluate", tmp_path / "theirs.csv", cohort.manifest, "-o", tmp_path / "found")
    assert again.exit_code == 2 and "overwrite" in again.stderr


def test_what_cannot_be_meant_is_told_before_anything_is_read(run, bundle, cohort, tmp_path):
    (tmp_path / "p.csv").write_text("scan,label,p_healthy,p_ill\na,ill,0.2,0.8\nb,healthy,0.7,0.3\n")
    for words, told in (
        ([bundle], "a bundle without a MANIFEST"),
        ([tmp_path / "gone.csv", cohort.manifest], "no such file"),
        ([tmp_path / "p.csv", "--clicks", "1"], "--clicks is not for a table"),
        ([tmp_path / "p.csv", "--validation", tmp_path / "p.csv"], "both in validation and in what is evaluated"),
        ([tmp_path / "p.csv", "--validation", tmp_path / "p.csv", "--level", "slice"], "not for slices"),
        ([bundle, cohort.manifest, "--labels", "a,b"], "--labels is not for a system"),
        ([bundle, cohort.manifest, "-o", cohort.folder], "other things"),
    ):
        result = run("evaluate", *words)
        assert result.exit_code == 2 and told in result.stderr, result.stderr


def test_a_folder_beside_the_output_is_left_alone(run, bundle, cohort, tmp_path, monkeypatch):
    (tmp_path / "out.work").mkdir()
    (tmp_path / "out.work/thesis.txt").write_text("years")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    result = run("evaluate", bundle, cohort.manifest, "-o", ".", "--reports", "none")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out.work/thesis.txt").read_text() == "years"
    assert (tmp_path / "out/evaluation.json").is_file()


def test_a_bad_scan_is_reported_and_left_out(run, bundle, cohort, tmp_path):
    good = next(entry.scan for entry in cohort.entries if entry.split == "test")
    (tmp_path / "bad.nii.gz").write_bytes(b"nothing")
    (tmp_path / "m.csv").write_text(
        f"scan,patient,label,split\n{good},a,cap,test\n{tmp_path / 'bad.nii.gz'},b,cap,test\n"
    )
    result = run("evaluate", bundle, tmp_path / "m.csv")
    assert result.exit_code == 1 and "1 scans of 1 patients" in result.output and "bad.nii.gz" in result.stderr


def test_an_empty_split_is_told(run, bundle, cohort, tmp_path):
    (tmp_path / "m.csv").write_text(f"scan,patient,label\n{cohort.entries[0].scan},a,cap\n")
    result = run("evaluate", bundle, tmp_path / "m.csv")
    assert result.exit_code == 2 and "no scan in split test" in result.stderr


def test_labels_that_the_bundle_lacks_are_told_before_a_scan_is_read(run, bundle, tmp_path):
    (tmp_path / "m.csv").write_text("scan,patient,label,split\ngone,a,flu,test\n")
    result = run("evaluate", bundle, tmp_path / "m.csv")
    assert result.exit_code == 2 and "cannot give: flu. Its labels: healthy" in result.stderr


def test_a_segmenter_is_scored_scan_by_scan_with_clicks_and_contours(run, infection_bundle, outlined, tmp_path):
    from tfcovid.data import write_manifest
    from tfcovid.inference import load_segmenter
    from tfcovid.inference.score_masks import score_masks

    write_manifest(outlined, tmp_path / "m.csv")
    rows, figures = tmp_path / "rows.csv", tmp_path / "figures"
    words = ("--split", "val", "-o", rows, "--clicks", "0,1", "--figures", figures)
    result = run("evaluate", infection_bundle, tmp_path / "m.csv", *words)
    assert result.exit_code == 0, result.stderr
    used = [entry for entry in outlined if entry.split == "val"]
    found = list(score_masks(load_segmenter(infection_bundle), used, clicks=(0, 1)))
    with rows.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["scan"].rsplit("/", 1)[1] for row in table] == [entry.scan.name for entry in used]
    for row, one in zip(table, found, strict=True):
        assert float(row["dice"]) == pytest.approx(one.scores.labels["infection"].dice, rel=1e-5)
        assert float(row["voxel_accuracy"]) == pytest.approx(one.scores.voxel_accuracy, rel=1e-5)
    for count in (0, 1):
        mean = np.mean([one.by_clicks[count] for one in found if one.by_clicks])
        assert f"| {count} | {mean:.3f} |" in result.stdout
    assert "| all | infection | 4 |" in result.stdout
    contours = [f"{n:04d}.png" for n in range(4)]
    assert sorted(path.name for path in figures.iterdir()) == [*contours, "clicks.png"]


def test_what_is_for_segmenters_alone_or_for_none_is_told(run, bundle, lungs_bundle, cohort, outlined, tmp_path):
    from tfcovid.data import write_manifest

    write_manifest(outlined, tmp_path / "m.csv")
    for name, manifest, words, told in (
        (bundle, cohort.manifest, ["--clicks", "0,1"], "--clicks is not for a system"),
        (lungs_bundle, tmp_path / "m.csv", ["--clicks", "0,1"], "tiny_lungs takes no clicks"),
        (lungs_bundle, tmp_path / "m.csv", ["--clicks", "0,x"], "whole numbers with commas between"),
    ):
        result = run("evaluate", name, manifest, *words)
        assert result.exit_code == 2 and told in result.stderr, result.stderr
    result = run("evaluate", lungs_bundle, cohort.manifest)  # which names no masks
    assert result.exit_code == 1 and result.stderr.count("column lungs") == 4


def test_an_output_that_is_the_manifest_is_refused(run, lungs_bundle, outlined, tmp_path):
    write_manifest(outlined, tmp_path / "m.csv")
    before = (tmp_path / "m.csv").read_bytes()
    result = run("evaluate", lungs_bundle, tmp_path / "m.csv", "-o", tmp_path / "m.csv")
    assert result.exit_code == 2 and "would replace what is read" in result.stderr
    assert (tmp_path / "m.csv").read_bytes() == before
