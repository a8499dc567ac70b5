import shutil

import pytest


@pytest.fixture
def changes(tiny_settings):
    return [part for setting in tiny_settings for part in ("--set", setting)]


def test_a_dry_run_writes_nothing(run, cohort, changes, tmp_path):
    result = run("prepare", "demo", cohort.manifest, "-o", tmp_path / "store", "--dry-run", *changes)
    assert result.exit_code == 0
    assert f"{tmp_path / 'store'}: 0 scans are there, 12 to prepare: about " in result.output
    assert "0.2 MB on disk" in result.output
    assert not list(tmp_path.iterdir())


def test_a_scan_that_cannot_be_read_makes_exit_code_1_and_the_others_are_done(run, cohort, changes, tmp_path):
    good = cohort.entries[0].scan
    bad = shutil.copytree(good, tmp_path / "bad")
    next(bad.iterdir()).write_bytes(b"not a slice")
    (tmp_path / "m.csv").write_text(f"scan,patient,label\n{good},a,cap\n{bad},b,cap\n{tmp_path / 'gone'},c,cap\n")
    result = run("prepare", "demo", tmp_path / "m.csv", "-o", tmp_path / "store", *changes)
    assert result.exit_code == 1
    assert f"{tmp_path / 'store'}: 1 scans, 8 slices" in result.stdout
    assert "warning too-few-slices: 1 scan(s)" in result.stdout
    left_out = [line for line in result.stderr.splitlines() if line.startswith("not readable, left out:")]
    assert [str(tmp_path / name) in line for name, line in zip(("bad", "gone"), left_out, strict=True)] == [True] * 2
    assert "2 of 3 scans left out." in result.stderr


@pytest.mark.parametrize(
    "config, manifest, options, words",
    [
        ("demoo", "m.csv", [], "Did you mean demo?"),
        ("demo", "gone.csv", [], "no such file"),
        ("demo", "m.csv", ["--set", "crop.margn=1"], "Did you mean 'margin'?"),
        ("demo", "m.csv", ["--set", "crop"], "a setting is key=value"),
        ("demo", "m.csv", ["--allow", "typo"], "typo"),
        ("demo", "m.csv", ["-o", "m.csv"], "m.csv"),
    ],
)
def test_wrong_input_is_told_with_exit_code_2(run, cohort, tmp_path, monkeypatch, config, manifest, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.csv").write_text(f"scan,patient,label\n{cohort.entries[0].scan},a,cap\n")
    result = run("prepare", config, manifest, "-o", "store", *options)
    assert result.exit_code == 2 and words in result.stderr
    assert not list(tmp_path.rglob("*.tfrecord"))


def test_a_segmenter_crops_where_one_is_named_and_not_where_it_is_trained_first(run, lungs_bundle, cohort, tmp_path):
    words = ["prepare", "attn_crop", cohort.manifest, "-o", tmp_path / "store", "--set", "crop.size=[32,32]"]
    result = run(*words)
    assert result.exit_code == 2 and "trains the segmenter that its crop needs" in result.stderr
    result = run("prepare", "lungs", cohort.manifest, "-o", tmp_path / "store")
    assert result.exit_code == 2 and "lungs is a segmenter" in result.stderr
    assert not (tmp_path / "store").exists()
    words += ["--set", "lungs=null", "--set", f"crop.segmenter={lungs_bundle}"]
    result = run(*words)
    assert result.exit_code == 0 and ": 12 scans, 96 slices" in result.stdout, result.output
    result = run(*words, "--dry-run")
    assert "12 scans are there, 0 to prepare" in result.stdout
