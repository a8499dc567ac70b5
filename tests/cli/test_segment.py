import json

import pytest


@pytest.fixture
def dry(run, held_out, tmp_path):
    """Runs with --dry-run, which needs no bundle, on a scan of (8, 64, 64)."""

    def call(*words):
        result = run("segment", "no-bundle", held_out, "-o", tmp_path / "out", "--dry-run", *words)
        assert not (tmp_path / "out").exists()
        return result

    return call


def test_a_dry_run_says_where_each_click_lies(dry, held_out, tmp_path):
    from tfcovid.inference import Clicks
    from tfcovid.scans import read_scan

    scan = read_scan(held_out)
    (x, y, z), (a, b, c) = Clicks.of(scan, [(3, 20, 40), (0, 63, 0)]).mm(scan)[0]
    points = tmp_path / "points.json"
    points.write_text(json.dumps({"space": "voxel", "negative": [[7, 8, 9]]}))
    words = ("--positive", "3,20,40", "--negative-mm", f"{a},{b},{c}", "--positive", "1,2,3.5", "--points", points)
    result = dry(*words)
    assert result.exit_code == 0, result.output
    first, *lines = result.stdout.splitlines()
    assert first == str(held_out)
    beginnings = ["positive: slice 3 ", "positive: slice 1 ", "negative: slice 0 ", "negative: slice 7 "]
    assert [line.strip()[: len(beginnings[0])] for line in lines] == beginnings
    assert "row 20 from the front, column 40 from the patient's right" in lines[0] and "column 3.5 " in lines[1]
    assert f"{x:.1f}, {y:.1f}, {z:.1f} mm (LPS)" in lines[0]
    assert "row 63 " in lines[2] and "column 0 " in lines[2]


@pytest.mark.parametrize("text", ["1,2", "1,2,x", "1,2,nan", "1 2 3", ""])
def test_a_click_that_is_not_three_numbers(dry, text):
    result = dry("--positive", text)
    assert result.exit_code == 2 and f"give three numbers as k,j,i, with commas and no blanks. Received: {text!r}" in (
        " ".join(result.stderr.split())
    )


def test_a_click_outside_the_scan_is_told_the_range(dry):
    result = dry("--negative", "8,0,0")
    assert result.exit_code == 2 and "k 0 to 7, j 0 to 63, i 0 to 63. Received: k,j,i = 8,0,0" in result.stderr
    result = dry("--positive-mm", "-9999,0,0")
    assert result.exit_code == 2 and "Received: x,y,z = -9999,0,0" in result.stderr


def test_clicks_and_a_series_are_for_one_scan(run, cohort, tmp_path):
    for words in (["--positive", "1,2,3"], ["--points", "p.json"], ["--series", "1.2.3"]):
        result = run("segment", "no-bundle", cohort.folder, "-o", tmp_path / "out", *words)
        assert result.exit_code == 2 and "for one scan; there are 12 in" in result.stderr
    result = run("segment", "no-bundle", cohort.folder, "-o", tmp_path / "out", "--dry-run")
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 12


def test_an_output_that_holds_something_is_left_alone_before_anything_is_loaded(run, held_out, tmp_path):
    (tmp_path / "kept").touch()
    result = run("segment", "no-bundle", held_out, "-o", tmp_path)
    assert result.exit_code == 2 and "choose another folder or pass --overwrite" in result.stderr


FILES = {"segmentation.json", "masks.nii.gz", "labels.txt", "volumes.csv", "figure.png", "scroll.html"}


def test_one_scan_is_outlined_into_the_folder(run, lungs_bundle, held_out, tmp_path):
    result = run("segment", lungs_bundle, held_out, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    found = json.loads((tmp_path / "out" / "segmentation.json").read_text())
    both = found["regions"][2]
    assert f"both lungs   {both['volume_ml']:.1f} ml\n" in result.stdout
    assert "Research use only" in result.stdout and "too-few-slices" in result.stderr
    again = run("segment", lungs_bundle, held_out, "-o", tmp_path / "out")
    assert again.exit_code == 2 and "pass --overwrite" in again.stderr
    assert run("segment", lungs_bundle, held_out, "-o", tmp_path / "out", "--overwrite").exit_code == 0


def test_clicks_go_from_the_command_line_to_the_result(run, infection_bundle, held_out, tmp_path):
    out = tmp_path / "out"
    result = run("segment", infection_bundle, held_out, "-o", out, "--positive", "3,20,40", "--negative", "5,6,7")
    assert result.exit_code == 0, result.stderr
    made = json.loads((out / "segmentation.json").read_text())["clicks"]["slice_row_column"]
    assert made == {"positive": [[3, 20, 40]], "negative": [[5, 6, 7]]}


def test_wrong_input_is_told_with_exit_code_2_and_nothing_is_written(
    run, lungs_bundle, infection_bundle, bundle, held_out, tmp_path
):
    import cv2
    import nibabel
    import numpy as np

    air, grey = tmp_path / "air.nii.gz", tmp_path / "grey.png"
    nibabel.save(nibabel.Nifti1Image(np.full((64, 64, 8), -1000, np.int16), np.diag([-2, -2, 5, 1])), air)
    cv2.imwrite(str(grey), np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8))
    for segmenter, scan, words, told in (
        (lungs_bundle, held_out, ["--positive", "3,20,40"], "tiny_lungs takes no clicks"),
        (infection_bundle, held_out, ["--positive", "8,0,0"], "k 0 to 7"),
        (infection_bundle, held_out, ["--points", tmp_path / "gone.json"], "gone.json"),
        (lungs_bundle, air, ["--allow", "not-hu"], "nothing but air"),
        (lungs_bundle, grey, [], "8-bit grey levels, not Hounsfield units, which tiny_lungs was trained on"),
        (lungs_bundle, tmp_path / "gone", [], "no such scan"),
        (bundle, held_out, [], "goes on to none"),
        (tmp_path, held_out, [], "not a bundle"),
    ):
        result = run("segment", segmenter, scan, "-o", tmp_path / "out", *words)
        assert result.exit_code == 2 and told in result.stderr, (told, result.stderr)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["air.nii.gz", "grey.png"]


def test_a_folder_of_scans_goes_on_past_a_broken_one(run, lungs_bundle, cohort, tmp_path):
    import csv
    import shutil

    folder, out = tmp_path / "scans", tmp_path / "out"
    for entry, name in zip(cohort.entries, ("a", "b", "c"), strict=False):
        shutil.copytree(entry.scan, folder / name)
    broken = sorted((folder / "b").iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:700])
    result = run("segment", lungs_bundle, folder, "-o", out)
    assert result.exit_code == 1 and "2 scans segmented, 1 left out" in result.stdout
    with (out / "segmentations.csv").open(newline="") as file:
        table = {row["scan"]: row for row in csv.DictReader(file)}
    assert "truncated-file" in table["b"]["error"] and not table["a"]["error"]
    assert {path.name for path in out.iterdir()} == {"a", "c", "segmentations.csv"}
