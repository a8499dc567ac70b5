import importlib
import json

import pytest


@pytest.fixture
def words(tiny_settings, cohort, tmp_path):
    changes = [part for setting in tiny_settings for part in ("--set", setting)]
    return ["train", "demo", cohort.manifest, "-o", tmp_path / "bundle", *changes]


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(run, words, tmp_path):
    result = run(*words, "--dry-run")
    assert result.exit_code == 0 and "Nothing was written." in result.output
    assert "test   cap              1 scans  (not used)" in result.output
    assert not list(tmp_path.iterdir())


def test_a_dry_run_finds_the_faults_that_training_would_stop_at(run, words, cohort, bundle, tmp_path):
    scan = cohort.entries[0].scan
    for rows, told in (
        (f"{scan},a,flu,train", "flu"),
        (f"{scan},a,cap,test", "nothing to train on"),
        (f"{tmp_path / 'gone'},a,cap,train", "gone"),
    ):
        (tmp_path / "m.csv").write_text(f"scan,patient,label,split\n{rows}\n")
        words[2] = tmp_path / "m.csv"
        result = run(*words, "--dry-run")
        assert result.exit_code != 0 and told in result.stderr, rows
    words[2], words[4] = cohort.manifest, bundle
    result = run(*words, "--dry-run")
    assert result.exit_code == 2 and "is there already" in result.stderr


def test_a_bundle_that_is_there_is_exit_code_2(run, words, bundle):
    words[4] = bundle
    result = run(*words)
    assert result.exit_code == 2 and result.stderr.startswith(f"tfcovid: {bundle} is there already")


def test_labels_without_a_scan_are_told_beforehand(run, words, cohort, tmp_path):
    (tmp_path / "m.csv").write_text(f"scan,patient,label\n{cohort.entries[0].scan},a,healthy\n")
    words[2] = tmp_path / "m.csv"
    assert "no scan of label h1n1" in run(*words, "--dry-run").stderr


@pytest.mark.parametrize(
    "setting, told",
    [
        ("seed=5000000000", "seed"),
        ("window.predict=[-600,-600]", "window.predict"),
        ("slice_net.weights=imagenet", "resnet10_compact has no published weights"),
        ("slice_net.weights=gone.keras", "no such weights file"),
    ],
)
def test_settings_that_cannot_be_trained_are_told(run, words, store, prepared, setting, told):
    result = run(*words, "--store", store, "--set", setting)
    assert result.exit_code == 2 and told in result.stderr


def test_a_segmenter_is_trained_by_the_same_command(run, tiny_lungs, lungs_bundle, outlined, tmp_path, monkeypatch):
    from tfcovid.config import write_config
    from tfcovid.data import write_manifest

    def trained(config, entries, *words, **options):
        assert config.training.epochs == 7 and [entry.split for entry in entries] == [one.split for one in outlined]
        return lungs_bundle, [(outlined[0], "it was cut short")]

    module = importlib.import_module("tfcovid.training.train_segmenter")
    monkeypatch.setattr(module, "train_segmenter", trained)
    write_config(tiny_lungs, tmp_path / "config.yaml")
    write_manifest(outlined, tmp_path / "m.csv")
    words = ["train", tmp_path / "config.yaml", tmp_path / "m.csv", "-o", tmp_path / "b"]
    result = run(*words, "--dry-run")
    assert result.exit_code == 0 and "3 epochs of slices at (32, 32), 8 a scan, batch 4" in result.output
    for more in (["--masks", tmp_path / "m.csv"], ["--folds", 2], ["--seeds", 2]):
        result = run(*words, *more)
        assert result.exit_code == 2 and "a segmenter takes MANIFEST" in result.stderr
    result = run(*words, "--set", "training.epochs=7")
    assert result.exit_code == 0 and "cap-0000: it was cut short" in result.stderr
    mean, std, _ = json.loads((lungs_bundle / "bundle.json").read_text())["validation_scans"]["all"]["lung"]["dice"]
    assert f"all          lung         Dice {mean:.3f} +- {std:.3f} (4 patients)" in result.stdout
    assert f"{lungs_bundle}: done. Use it with: tfcovid segment" in result.stdout


def test_masks_that_are_missing_or_of_no_use_are_told(run, words, cohort, outlined, tmp_path):
    from tfcovid.data import write_manifest

    write_manifest(outlined, tmp_path / "m.csv")
    result = run(*words, "--masks", tmp_path / "m.csv", "--dry-run")
    assert result.exit_code == 2 and "config demo trains no segmenter" in result.stderr
    chain = ["train", "attn_crop", cohort.manifest, "-o", tmp_path / "b", "--dry-run"]
    chain += ["--set", "labels=[healthy,covid-19,h1n1,cap]", "--set", "head=softmax"]
    result = run(*chain)
    assert result.exit_code == 2 and "no scan to train in the manifest has the column(s) lungs" in result.stderr
    assert run(*chain, "--masks", tmp_path / "m.csv").exit_code == 0
