import csv
import hashlib
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

from tfcovid.config import load_config, write_config
from tfcovid.data import write_manifest
from tfcovid.errors import InputError
from tfcovid.training import train_segmenter

_KILLED_IN_A_WRITE = """
import importlib, os, signal, sys
module = importlib.import_module("tfcovid.training.keeper")
into_place = module.into_place
def half(path, write):
    if str(path).endswith("segment/epoch-00002.weights.h5"):
        partial = path.with_name(f".partial-{path.name}")
        write(partial)
        os.truncate(partial, 1000)
        os.kill(os.getpid(), signal.SIGKILL)
    into_place(path, write)
module.into_place = half
from tfcovid.cli import main
main(["train", *sys.argv[1:]])
"""


def facts(bundle):
    return json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))


def rows(bundle):
    with (bundle / "validation.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", ["lungs", "infection"])
def test_a_bundle_its_card_and_its_table_agree(kind, request):
    bundle, config = request.getfixturevalue(f"{kind}_bundle"), request.getfixturevalue(f"tiny_{kind}")
    found, table, label = facts(bundle), rows(bundle), config.labels[1]
    assert load_config(bundle / "config.yaml") == config
    once = dict.fromkeys(("cap", "covid-19", "h1n1", "healthy"), 1)
    assert found["data"] == {"train": once, "val": once}
    assert [row["group"] for row in table] == list(once) and {row["label"] for row in table} == {label}
    dice = [float(row["dice"]) for row in table if row["dice"]]
    mean, std, patients = found["validation_scans"]["all"][label]["dice"]
    assert (mean, std, patients) == pytest.approx((np.mean(dice), np.std(dice, ddof=1), len(dice)), abs=1e-4)
    card = (bundle / "card.md").read_text(encoding="utf-8")
    assert f"| all | {label} | {len(dice)} | {mean:.3f} +- {std:.3f} |" in card and "Research use only" in card
    assert "| train | 4 | cap 1, covid-19 1, h1n1 1, healthy 1 |" in card
    assert ("No clicks were made." in card) == (kind == "infection")
    network = keras.saving.load_model(bundle / "segment.keras", compile=False)
    digest = hashlib.sha256(b"".join(w.tobytes() for w in network.get_weights())).hexdigest()
    assert found["weights_sha256"] == {"segment": digest}


def test_the_lungs_are_learnt(lungs_bundle):
    assert facts(lungs_bundle)["validation_scans"]["all"]["lung"]["dice"][0] > 0.7


def test_a_bundle_holds_no_pictures_paths_or_names(infection_bundle, cohort):
    files = {path.relative_to(infection_bundle).as_posix() for path in infection_bundle.rglob("*") if path.is_file()}
    stage = {"segment.keras", "segment_log.csv", "segment_curves.png"}
    shown = {name for name in files if name.startswith("tensorboard/")}
    assert files - shown == stage | {"bundle.json", "card.md", "config.yaml", "run.json", "validation.csv"}
    assert {name.rsplit("/", 1)[0] for name in shown} == {
        "tensorboard/segment/train",
        "tensorboard/segment/validation",
    }
    for name in ("bundle.json", "card.md", "config.yaml", "run.json", "validation.csv"):
        text = (infection_bundle / name).read_text(encoding="utf-8")
        assert str(cohort.folder.parent) not in text
        assert not [entry.patient for entry in cohort.entries if entry.patient in text]
    assert not [path.name for path in infection_bundle.parent.iterdir() if path.name.endswith(".work")]


def test_a_run_that_was_killed_ends_with_the_weights_of_one_never_stopped(
    infection_bundle, tiny_infection, outlined, tmp_path
):
    write_config(tiny_infection, tmp_path / "config.yaml")
    write_manifest(outlined, tmp_path / "manifest.csv")
    store = infection_bundle.with_name(f"{infection_bundle.name}.store")
    again = tmp_path / "again"
    words = [tmp_path / "config.yaml", tmp_path / "manifest.csv", "-o", again, "--store", store]
    killed = subprocess.run([sys.executable, "-c", _KILLED_IN_A_WRITE, *words], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert Path(f"{again}.work", "segment", "epoch-00001.weights.h5").is_file() and not again.exists()
    other = tiny_infection.model_copy(update={"seed": 1})
    with pytest.raises(InputError, match=r"again\.work holds a run with another config or other data"):
        train_segmenter(other, outlined, again, store)
    train_segmenter(tiny_infection, outlined, again, store)
    assert facts(again)["weights_sha256"] == facts(infection_bundle)["weights_sha256"]
    for name in ("segment_log.csv", "validation.csv"):
        assert (again / name).read_text() == (infection_bundle / name).read_text()
    assert not Path(f"{again}.work").exists()


def test_a_bundle_that_is_there_is_kept_and_a_folder_that_is_none_never_touched(
    lungs_bundle, tiny_lungs, outlined, tmp_path
):
    with pytest.raises(InputError, match="is there already"):
        train_segmenter(tiny_lungs, outlined, lungs_bundle)
    (tmp_path / "thesis").mkdir()
    with pytest.raises(InputError, match="is there and is no bundle"):
        train_segmenter(tiny_lungs, outlined, tmp_path / "thesis", overwrite=True)


def test_scans_without_masks_are_nothing_to_train_on(tiny_lungs, cohort, tmp_path):
    with pytest.raises(InputError, match=r"no readable scan with masks; 8 left out, the first because: .*column lungs"):
        train_segmenter(tiny_lungs, cohort.entries, tmp_path / "b", tmp_path / "store")
    held_out = [replace(entry, split="test") for entry in cohort.entries]
    with pytest.raises(InputError, match=r"nothing to train on: 0 scan\(s\)"):
        train_segmenter(tiny_lungs, held_out, tmp_path / "c")


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_same_scan_in_two_splits_is_an_error(tiny_lungs, outlined, lungs_bundle, tmp_path, split):
    one = next(entry for entry in outlined if entry.split == "train")
    copy = shutil.copytree(one.scan, tmp_path / "other name")
    leak = replace(one, scan=copy, patient="Ann", split=split)
    with pytest.raises(InputError, match=rf"the same scan stands in two splits, as .*Ann \({split}\)"):
        train_segmenter(tiny_lungs, [*outlined, leak], tmp_path / "b", f"{lungs_bundle}.store")


def test_patience_needs_a_split_to_lose_it_with(tiny_lungs, outlined, tmp_path):
    impatient = tiny_lungs.model_copy(update={"training": tiny_lungs.training.model_copy(update={"patience": 2})})
    with pytest.raises(InputError, match="no split val to lose patience with"):
        train_segmenter(impatient, [entry for entry in outlined if entry.split != "val"], tmp_path / "b")
    assert not list(tmp_path.iterdir())


_TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from tfcovid.config import Segmenter
from tfcovid.data import read_manifest
from tfcovid.training import train_segmenter

folder, manifest, *segmenters = sys.argv[1:]
for n, text in enumerate(segmenters):
    for strategy in ("one", "mirrored"):
        config, bundle = Segmenter.model_validate_json(text), f"{folder}/{n}-{strategy}"
        train_segmenter(config, read_manifest(manifest), bundle, f"{folder}/store", strategy=strategy)
"""


@pytest.mark.slow
def test_segmenters_train_on_two_devices_one_after_the_other(tiny_infection, tiny_lungs, outlined, tmp_path):
    """In one process, as the parts of a system; without clicks, which every device would draw for itself."""
    network = tiny_infection.network.model_copy(update={"guidance": None})
    segmenters = [tiny_infection.model_copy(update={"network": network}), tiny_lungs]
    write_manifest(outlined, tmp_path / "manifest.csv")
    words = [one.model_dump_json() for one in segmenters]
    done = subprocess.run(
        [sys.executable, "-c", _TWO_DEVICES, tmp_path, tmp_path / "manifest.csv", *words],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for n in range(2):
        one, two = (
            np.genfromtxt(tmp_path / f"{n}-{name}" / "segment_log.csv", delimiter=",", names=True)["loss"]
            for name in ("one", "mirrored")
        )
        # At the bottom of so small a U-Net a norm sees four pixels, and rounding there goes a long way.
        np.testing.assert_allclose(one, two, rtol=3e-2)
