import csv
import hashlib
import importlib
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.config import load_config
from tfcovid.data import Entry
from tfcovid.errors import InputError
from tfcovid.training import train


class Stopped(Exception):
    pass


@pytest.fixture
def no_training(monkeypatch):
    """Training of slices stops at once; what comes before it runs."""

    def stop(*_, **__):
        raise Stopped

    monkeypatch.setattr(importlib.import_module("tfcovid.training.train"), "train_slices", stop)


@pytest.fixture
def slices_only(tiny_settings):
    """Settings without a trained patient network."""
    return [*(one for one in tiny_settings if not one.startswith("patient_net")), "patient_net.kind=mean"]


def facts(bundle):
    return json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))


def test_a_bundle_tells_what_it_was_trained_on_and_holds_the_weights_it_names(bundle, tiny):
    found = facts(bundle)
    once = dict.fromkeys(tiny.labels, 1)
    assert found["data"] == {"train": once, "val": once}
    assert found["labels"] == list(tiny.labels) and found["format"] == 1
    for name, digest in found["weights_sha256"].items():
        network = keras.saving.load_model(bundle / f"{name}.keras", compile=False)
        assert hashlib.sha256(b"".join(w.tobytes() for w in network.get_weights())).hexdigest() == digest
    assert load_config(bundle / "config.yaml") == tiny
    card = (bundle / "card.md").read_text(encoding="utf-8")
    assert "Research use only" in card and "| train | 4 | 1 | 1 | 1 | 1 |" in card
    assert not [path.name for path in bundle.parent.iterdir() if path != bundle]  # no work left behind


def test_a_bundle_that_is_there_is_kept(bundle, tiny, cohort, store):
    before = (bundle / "bundle.json").stat().st_mtime_ns
    with pytest.raises(InputError, match="is there already"):
        train(tiny, cohort.entries, bundle, store)
    assert (bundle / "bundle.json").stat().st_mtime_ns == before


def test_a_folder_that_is_no_bundle_is_never_overwritten(tiny, cohort, store, tmp_path, no_training):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(InputError, match="thesis"):
        train(tiny, cohort.entries, tmp_path / "thesis", store, overwrite=True)


def test_labels_that_the_config_lacks_are_named(tiny, cohort, store, tmp_path):
    strange = [replace(cohort.entries[0], label="flu"), *cohort.entries[1:]]
    with pytest.raises(InputError, match=r"config demo does not know: flu\. Its labels: healthy, covid-19, h1n1, cap"):
        train(tiny, strange, tmp_path / "b", store)
    assert not list(tmp_path.iterdir())


def test_nothing_to_train_on_is_told(tiny, cohort, store, tmp_path, no_training):
    held_out = [replace(entry, split="test") for entry in cohort.entries]
    with pytest.raises(InputError, match=r"nothing to train on: 0 scan\(s\) to train"):
        train(tiny, held_out, tmp_path / "b", store)
    gone = [replace(entry, scan=tmp_path / entry.scan.name) for entry in cohort.entries[:2]]
    with pytest.raises(InputError, match=r"nothing to train on: 2 scan\(s\).*none is there, such as "):
        train(tiny, [replace(entry, split="train") for entry in gone], tmp_path / "b", store)
    only_val = [replace(entry, split="val") for entry in cohort.entries[:2]]
    with pytest.raises(InputError, match="nothing to train on"):
        train(tiny, only_val, tmp_path / "b", store)


def test_scans_without_one_slice_to_learn_from_are_nothing_to_train_on(tiny, cohort, store, tmp_path):
    sick = next(entry for entry in cohort.entries if entry.label == "cap")
    (tmp_path / "marks.csv").write_text("slice,lesion\n" + "".join(f"{k},0\n" for k in range(8)))
    unmarked = replace(sick, split="train", slice_labels=tmp_path / "marks.csv")
    with pytest.raises(InputError, match="nothing to train on"):
        train(tiny, [unmarked], tmp_path / "b", store)


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_same_scan_in_two_splits_is_an_error(tiny, cohort, store, tmp_path, no_training, split):
    one = next(entry for entry in cohort.entries if entry.split == "train")
    copy = shutil.copytree(one.scan, tmp_path / "other name")
    for n, file in enumerate(sorted(copy.iterdir())):
        file.rename(copy / f"renamed{n}")
    leak = replace(one, scan=copy, patient="Ann", split=split)
    with pytest.raises(InputError, match=rf"the same scan stands in two splits, as .*Ann \({split}\)"):
        train(tiny, [*cohort.entries, leak], tmp_path / "b", store)


def test_work_of_another_config_or_of_other_data_is_not_gone_on_with(
    tiny, tiny_settings, cohort, store, tmp_path, no_training
):
    with pytest.raises(Stopped):  # nothing is trained yet, so another config may take its place
        train(load_config("demo", [*tiny_settings, "seed=3"]), cohort.entries, tmp_path / "b", store)
    with pytest.raises(Stopped):
        train(tiny, cohort.entries, tmp_path / "b", store)
    (tmp_path / "b.work" / "slice").mkdir()
    (tmp_path / "b.work" / "slice" / "epoch-00001.weights.h5").touch()
    with pytest.raises(Stopped):  # the same run may go on
        train(tiny, cohort.entries, tmp_path / "b", store)
    other = load_config("demo", [*tiny_settings, "slice_training.learning_rate=0.1"])
    with pytest.raises(InputError, match=r"b\.work holds a run with another config or other data"):
        train(other, cohort.entries, tmp_path / "b", store)
    with pytest.raises(InputError, match=r"b\.work holds a run with another config or other data"):
        train(tiny, [entry for entry in cohort.entries if entry.label != "cap"], tmp_path / "b", store)


def test_without_validation_scans_the_last_weights_are_kept_and_the_card_says_so(slices_only, cohort, store, tmp_path):
    config = load_config("demo", [*slices_only, "slice_training.keep=best"])
    entries = [replace(entry, split=None) for entry in cohort.entries if entry.split == "train"]
    bundle, failed = train(config, entries, tmp_path / "b", store)
    assert not failed and not (bundle / "patient.keras").exists()
    found = facts(bundle)
    assert found["data"]["val"] == {} and list(found["weights_sha256"]) == ["slice"]
    assert found["validation"] == {"slice": {"epoch": 2.0}}
    assert "There were no validation scans" in (bundle / "card.md").read_text(encoding="utf-8")


@needs_data
def test_labelled_slices_of_real_scans_train(tiny_settings, tmp_path):
    data = DATA / "volumes" / "covid_ct_md"
    entries = [
        Entry(data / "P001_dicom", "P001", "covid-19", slice_labels=data / "P001_slice_labels.csv"),
        Entry(data / "cap002_256.nii.gz", "cap002", "cap", slice_labels=data / "cap002_slice_labels.csv"),
        Entry(data / "normal001_256.nii.gz", "normal001", "healthy"),
    ]
    bundle, failed = train(load_config("demo", tiny_settings), entries, tmp_path / "b")
    assert not failed
    assert facts(bundle)["data"]["train"] == {"covid-19": 1, "cap": 1, "healthy": 1}
    assert facts(bundle)["diseased_scans_without_slice_labels"] == 0


def test_diseased_scans_without_marked_slices_are_counted_in_the_card(tiny, slices_only, cohort, store, tmp_path):
    config = load_config("demo", [*slices_only, "slice_training.epochs=1"])
    entries = [replace(entry, slice_labels=None) for entry in cohort.entries if entry.split == "train"]
    bundle, _ = train(config, entries, tmp_path / "b", store)
    assert "In 3 diseased scan(s) no slice was marked" in (bundle / "card.md").read_text(encoding="utf-8")


def test_validation_scans_without_a_labelled_slice_do_not_stop_the_slice_stage(slices_only, cohort, store, tmp_path):
    config = load_config("demo", [*slices_only, "slice_training.keep=best"])
    (tmp_path / "marks.csv").write_text("slice,lesion\n" + "".join(f"{k},0\n" for k in range(8)))
    train_entries = [entry for entry in cohort.entries if entry.split == "train"]
    val = next(entry for entry in cohort.entries if entry.split == "val" and entry.label == "cap")
    bundle, _ = train(
        config, [*train_entries, replace(val, slice_labels=tmp_path / "marks.csv")], tmp_path / "b", store
    )
    assert facts(bundle)["validation"] == {"slice": {"epoch": 2.0}}


_KILLED_IN_A_WRITE = """
import importlib, os, signal, sys
module = importlib.import_module("tfcovid.training.keeper")
into_place = module.into_place
def half(path, write):
    if str(path).endswith(sys.argv[1]):
        partial = path.with_name(f".partial-{path.name}")
        write(partial)
        os.truncate(partial, 1000)
        os.kill(os.getpid(), signal.SIGKILL)
    into_place(path, write)
module.into_place = half
from tfcovid.cli import main
main(["train", *sys.argv[2:]])
"""


def test_a_run_killed_in_both_stages_ends_with_the_weights_of_one_never_stopped(
    bundle, tiny, tiny_settings, cohort, store, tmp_path
):
    changes = [part for setting in tiny_settings for part in ("--set", setting)]
    again = tmp_path / "again"
    for moment in ("slice/epoch-00002.weights.h5", "patient/epoch-00002.weights.h5"):
        command = [sys.executable, "-c", _KILLED_IN_A_WRITE, moment, "demo", cohort.manifest, "-o", again]
        killed = subprocess.run([*command, "--store", store, *changes], capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert Path(f"{again}.work", moment).with_name("epoch-00001.weights.h5").is_file() and not again.exists()
    train(tiny, cohort.entries, again, store)
    assert facts(again)["weights_sha256"] == facts(bundle)["weights_sha256"]
    for name in ("slice_log.csv", "patient_log.csv", "validation.csv"):
        assert (again / name).read_text() == (bundle / name).read_text()


def test_a_bundle_holds_no_pictures_paths_or_names(bundle, cohort):
    found = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    stages = [f"{stage}{end}" for stage in ("slice", "patient") for end in (".keras", "_log.csv", "_curves.png")]
    expected = {"bundle.json", "card.md", "config.yaml", "run.json", "validation.csv", *stages}
    assert {name for name in found if not name.startswith("tensorboard/")} == expected
    assert not [name for name in found if "/slices/" in name]
    for name in ("bundle.json", "card.md", "config.yaml", "run.json", "validation.csv"):
        text = (bundle / name).read_text(encoding="utf-8")
        assert str(cohort.folder) not in text
        assert not [entry.patient for entry in cohort.entries if entry.patient in text]


def test_figures_of_the_rule_without_training_are_of_what_it_calls(slices_only, cohort, store, tmp_path):
    config = load_config("demo", [*slices_only, "patient_net.kind=nonparametric", "slice_training.epochs=1"])
    bundle, _ = train(config, cohort.entries, tmp_path / "b", store)
    with (bundle / "validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = 0
    for row in rows:
        shares = [float(row[f"p_{label}"]) for label in config.labels]
        assert row["called"] == ("healthy" if shares[0] > 0.99 else config.labels[1 + int(np.argmax(shares[1:]))])
        right += row["called"] == row["truth"]
    assert facts(bundle)["validation_scans"]["accuracy"][0] == right / len(rows)


def test_what_would_fail_after_hours_is_told_before(tiny_settings, cohort, tmp_path):
    one_label = [entry for entry in cohort.entries if entry.split != "val" or entry.label == "cap"]
    for settings, entries, told in (
        (["slice_training.best_by=auc", "slice_training.keep=best"], one_label, "covid-19, h1n1, healthy missing"),
        (["slice_training.patience=2"], [e for e in cohort.entries if e.split != "val"], "no split val to lose"),
        (["patient_training.out_of_fold=5"], cohort.entries, "fewer patients to train than folds"),
    ):
        with pytest.raises(InputError, match=told):
            train(load_config("demo", [*tiny_settings, *settings]), entries, tmp_path / "b")
    assert not list(tmp_path.iterdir())
