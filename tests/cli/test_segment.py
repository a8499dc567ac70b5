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
