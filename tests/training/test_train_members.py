import csv
import importlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tfcovid.config import load_config
from tfcovid.errors import InputError
from tfcovid.inference import Ensemble, load, write_ensemble
from tfcovid.scans import read_scan
from tfcovid.training import train_members


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def config(tiny_settings):
    slices_only = [one for one in tiny_settings if not one.startswith("patient_net")]
    return load_config("demo", [*slices_only, "patient_net.kind=mean", "slice_training.epochs=1"])


@pytest.fixture(scope="module")
def folds(config, cohort, store, tmp_path_factory):
    """Two folds of one seed; stopped once, after the first member."""
    bundle = tmp_path_factory.mktemp("folds") / "bundle"
    module = importlib.import_module("tfcovid.training.train_members")
    train, trained = module.train, []

    def stop_at_the_second(config, entries, bundle, *rest, **options):
        trained.append(bundle.name)
        if len(trained) == 2:
            raise Stopped
        return train(config, entries, bundle, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train", stop_at_the_second)
        with pytest.raises(Stopped):
            train_members(config, cohort.entries, bundle, folds=2, store=store)
        with pytest.raises(InputError, match="members of another config"):
            train_members(config, cohort.entries, bundle, folds=3, store=store)
        train_members(config, cohort.entries, bundle, folds=2, store=store)
    assert trained == ["fold1", "fold2", "fold2"]
    return bundle


def predictions(bundle):
    with (bundle / "validation.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_scan_but_those_of_the_test_split_is_predicted_once_by_who_did_not_train_on_it(folds, cohort):
    found = predictions(folds)
    assert len(found) == len({row["scan"] for row in found}) == 8  # of 12, four are test
    for name in ("fold1", "fold2"):
        data = json.loads((folds / "members" / name / "bundle.json").read_text())["data"]
        assert sum(data["train"].values()) == sum(data["val"].values()) == 4
    facts = json.loads((folds / "bundle.json").read_text())
    assert facts["out_of_fold"]["scans"] == 8 and facts["members"] == ["fold1", "fold2"]
    assert "| accuracy |" in (folds / "card.md").read_text()
    assert [path.name for path in folds.parent.iterdir()] == ["bundle"]


def test_an_ensemble_answers_with_the_mean_of_its_members(folds, held_out):
    ensemble, scan = load(folds), read_scan(held_out)
    assert isinstance(ensemble, Ensemble)
    found = ensemble.predict(scan)
    members = [load(folds / "members" / name).predict(scan) for name in ("fold1", "fold2")]
    for window, mean in found.by_window.items():
        np.testing.assert_allclose(mean, (members[0].by_window[window] + members[1].by_window[window]) / 2, rtol=1e-6)
    assert found.by_member["fold2"] == list(members[1].probabilities.values())
    expected = (members[0].lesion_map + members[1].lesion_map) / 2
    np.testing.assert_allclose(found.lesion_map, expected, atol=1e-6)
    assert found.label == max(found.probabilities, key=found.probabilities.get)
    assert found.summary["probabilities_by_member"] == found.by_member


def test_what_cannot_answer_together_is_refused(folds, bundle, tmp_path):
    members = {name: folds / "members" / name for name in ("fold1", "fold2")}
    with pytest.raises(InputError, match=r"two members or more\. Received: 1"):
        write_ensemble({"one": bundle}, tmp_path / "e")
    with pytest.raises(InputError, match="is no single system; take its members"):
        write_ensemble({"one": bundle, "two": folds}, tmp_path / "e")
    with pytest.raises(InputError, match="is there already"):
        write_ensemble(members, folds)
    assert not list(tmp_path.iterdir())


def test_copies_under_two_patients_are_found_before_the_first_fold(config, cohort, store, tmp_path):
    one = next(entry for entry in cohort.entries if entry.split == "train")
    copy = shutil.copytree(one.scan, tmp_path / "copy")
    entries = [*cohort.entries, replace(one, scan=copy, patient="Ann")]
    with pytest.raises(InputError, match="the same scan"):
        train_members(config, entries, tmp_path / "b", folds=2, store=store)
    assert not list(tmp_path.glob("b.members/fold*"))


def test_seeds_of_one_split_are_validated_together(folds, tmp_path):
    """Members validated on the same data, as here one and its twin."""
    twins = {name: folds / "members" / "fold1" for name in ("one", "two")}
    write_ensemble(twins, tmp_path / "e")
    for name in ("scan", "called", "p_cap"):
        expected = [row[name] for row in predictions(folds / "members" / "fold1")]
        assert [row[name] for row in predictions(tmp_path / "e")] == expected
    facts = json.loads((folds / "members" / "fold1" / "bundle.json").read_text())
    assert json.loads((tmp_path / "e" / "bundle.json").read_text())["validation_scans"] == facts["validation_scans"]


def test_the_splits_that_members_trained_on_are_not_evaluated(folds, run, cohort):
    result = run("evaluate", folds, cohort.manifest, "--split", "val")
    assert result.exit_code == 2 and "its members trained on scans of these splits" in result.stderr


def test_an_ensemble_needs_folds_or_seeds(config, cohort, tmp_path):
    with pytest.raises(InputError, match="Received: folds=None, seeds=1"):
        train_members(config, cohort.entries, tmp_path / "b")
