import json

import pytest
import yaml

from tfcovid.errors import InputError
from tfcovid.evaluation.list_runs import compare_runs, list_runs

SYSTEM = {"name": "small", "seed": 0, "crop": {"size": [32, 32]}, "slice_training": {"epochs": 2, "drop": None}}
LOG = "epoch,loss,val_loss,val_disease_accuracy\n1,2,3,0.25\n2,1,2,0.5\n"


def write_run(folder, config=SYSTEM, finished=True, noted=True, **facts):
    """A bundle as training leaves it; `noted`: with run.json, which older ones lack."""
    folder.mkdir(parents=True)
    log = folder / ("slice_log.csv" if finished else "slice/log.csv")
    log.parent.mkdir(exist_ok=True)
    log.write_text(LOG)
    if finished:
        facts = {"name": config["name"], "validation": {"slice": {"epoch": 2.0, "val_loss": 2.0}}, **facts}
        (folder / "bundle.json").write_text(json.dumps(facts))
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    run = {"config": config, "data_sha256": "abc", "timings_s": {"prepare": 1.0, "slice": 2.5}, "started": "2026-01-02"}
    if not finished:
        run = {"config": config, "data": "abc", "start": None}
    if noted:
        (folder / "run.json").write_text(json.dumps(run))
    return folder


def test_bundles_and_unfinished_runs_are_found_however_deep(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "deep" / "b", noted=False)
    write_run(tmp_path / "c.work", finished=False)
    write_run(tmp_path / "a" / "members" / "inside")  # of an ensemble
    write_run(tmp_path / "c.store" / "no")
    noted, unfinished, old = list_runs([tmp_path, tmp_path / "a"])
    assert [run.folder.name for run in (noted, unfinished, old)] == ["a", "c.work", "b"]
    assert (noted.started, noted.seconds, noted.data_sha256) == ("2026-01-02", 3.5, "abc")
    assert (old.started, old.seconds, old.data_sha256) == (None, None, None)
    assert [run.finished for run in (noted, unfinished, old)] == [True, False, True]
    assert unfinished.name == "small" and unfinished.data_sha256 == "abc" and unfinished.epochs == {"slice": 2}
    assert unfinished.figures == {"slice loss": 2.0, "slice disease_accuracy": 0.5}
    assert old.config == noted.config
    assert old.config["crop.size"] == [32, 32] and old.config["slice_training.drop"] is None


def test_figures_of_whole_scans_come_before_those_of_a_stage(tmp_path):
    found = {"scans": 4, "patients": 4, "accuracy": [0.75, 0.5, 1.0], "auc_covid": [0.8, 0.7, 0.9]}
    write_run(tmp_path / "a", validation_scans=found)
    assert list_runs([tmp_path])[0].figures == {"accuracy": 0.75, "auc_covid": 0.8}


def test_compared_are_the_settings_that_differ_and_all_figures(tmp_path):
    other = {**SYSTEM, "seed": 0.0, "crop": {"size": [64, 64]}, "slice_training": {"epochs": 2, "drop": {"every": 3}}}
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", {**other, "ema": 0.9}, noted=False)
    assert compare_runs(list_runs([tmp_path])) == [
        ["crop.size", "[32, 32]", "[64, 64]"],
        ["ema", "-", "0.9"],
        ["slice_training.drop", "null", "-"],
        ["slice_training.drop.every", "-", "3"],
        ["data_sha256", "abc", "-"],
        ["slice epochs", "2", "2"],
        ["slice loss", "2", "2"],
    ]


def test_the_demo_that_ships_is_read(tmp_path):
    from importlib.resources import files

    (run,) = list_runs([str(files("tfcovid.saved_models") / "demo")])
    assert run.name == "demo" and run.epochs["slice"] == 16 and run.config["slice_net.kind"] == "m3lung"


def test_damage_and_wrong_folders_are_told(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        list_runs([tmp_path / "none"])
    (write_run(tmp_path / "a") / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json: not readable as JSON"):
        list_runs([tmp_path])
