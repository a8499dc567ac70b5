import json
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.test_compare import system
from tfcovid.config import load_config, write_config
from tfcovid.errors import InputError
from tfcovid.evaluation.compare import compare
from tfcovid.evaluation.predictions import write_predictions
from tfcovid.evaluation.read_cases import read_cases
from tfcovid.evaluation.read_systems import read_systems


def rows(one, numbered=False):
    return [
        {
            "scan": n if numbered else one.cases[n],
            "patient": one.patients[n],
            "truth": one.labels[one.truth[n]],
            "called": one.labels[one.called[n]],
        }
        | {f"p_{label}": float(one.probabilities[n, i]) for i, label in enumerate(one.labels)}
        for n in range(len(one.cases))
    ]


def write_bundle(folder, one, data, threshold=0.5):
    folder.mkdir()
    (folder / "bundle.json").write_text(json.dumps({"labels": one.labels}))
    (folder / "run.json").write_text(json.dumps({"data_sha256": data}))
    config = load_config("demo").model_copy(update={"labels": one.labels, "threshold": threshold})
    write_config(config, folder / "config.yaml")
    write_predictions(rows(one, numbered=True), folder / "validation.csv")


def write_evaluation(folder, one, level="scan"):
    folder.mkdir()
    (folder / "evaluation.json").write_text(json.dumps({"levels": [{"level": level, "labels": one.labels}]}))
    write_predictions(rows(one), folder / "predictions.csv")


def named(folder, *names):
    return {name: folder / name for name in names}


def test_a_table_and_an_evaluation_of_the_same_scans_are_paired(tmp_path):
    a, b = system(1.0), system(2.0, seed=1)
    write_evaluation(tmp_path / "a", a)
    write_predictions(rows(b), tmp_path / "b.csv")
    found = compare(read_systems(named(tmp_path, "a", "b.csv"))[0], resamples=20)
    assert found.against["b.csv"].paired
    assert found.against["b.csv"].bootstrap == compare({"a": a, "b": b}, resamples=20).against["b"].bootstrap


def test_an_evaluation_by_bundle_and_one_by_table_are_paired_whatever_folder_they_were_made_in(tmp_path):
    """evaluate BUNDLE there/manifest.csv; evaluate predictions.csv manifest.csv; compare the two."""
    a, b = system(1.0), system(2.0, seed=1)
    write_evaluation(tmp_path / "a", replace(a, cases=tuple(f"there/scans/{case}" for case in a.cases)))
    said = [{name: row[name] for name in row if name not in ("patient", "truth")} for row in rows(b)]
    write_predictions(said, tmp_path / "said.csv")
    known = [{"scan": f"scans/{r['scan']}", "patient": r["patient"], "label": r["truth"]} for r in rows(a)]
    write_predictions(known, tmp_path / "manifest.csv")
    write_evaluation(tmp_path / "b", read_cases(tmp_path / "said.csv", tmp_path / "manifest.csv")[0])
    found, notes = read_systems(named(tmp_path, "a", "b"))
    assert notes[-1].startswith("b: 60 scans are those of a by the ends of their names, for example scans/scan0 and ")
    found = compare(found, resamples=20)
    assert found.against["b"].bootstrap == compare({"a": a, "b": b}, resamples=20).against["b"].bootstrap


@pytest.mark.parametrize("knowing_first", [True, False])
def test_scans_are_matched_before_they_are_averaged_over_patients(tmp_path, knowing_first):
    a, b = system(1.0, 20, per_patient=2), system(2.0, 20, seed=1, per_patient=2)
    write_predictions(rows(a), tmp_path / "a.csv")
    write_predictions([{k: v for k, v in row.items() if k != "patient"} for row in rows(b)], tmp_path / "b.csv")
    names = ("a.csv", "b.csv") if knowing_first else ("b.csv", "a.csv")
    found, notes = read_systems(named(tmp_path, *names), "patient")
    assert "b.csv: whose a scan is, is taken from a.csv" in notes
    for one, same in ((a, "a.csv"), (b, "b.csv")):
        assert found[same].cases == one.by_patient().cases
        np.testing.assert_allclose(found[same].probabilities, one.by_patient().probabilities)


def test_the_negative_label_of_a_table_is_that_of_the_other_system_or_the_one_given(tmp_path):
    one = system(1.0, 20, labels=("cap", "covid"))
    write_evaluation(tmp_path / "a", one)
    write_predictions([dict(reversed(row.items())) for row in rows(one)], tmp_path / "b.csv")
    found, _ = read_systems(named(tmp_path, "b.csv", "a"))
    assert list(found) == ["b.csv", "a"] and found["b.csv"].labels == ("cap", "covid")
    with pytest.raises(InputError, match="which label is the negative one"):
        read_systems(named(tmp_path, "b.csv"))
    assert read_systems(named(tmp_path, "b.csv"), labels=["covid", "cap"])[0]["b.csv"].labels == ("covid", "cap")


def test_a_bundle_that_ships_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()  # as `tfcovid demo` makes one
    found, notes = read_systems({"demo": "demo"})
    assert found["demo"].labels[0] == "healthy" and notes[-1].startswith("demo: its own validation")


def test_numbers_of_scans_mean_the_same_only_in_bundles_of_the_same_data(tmp_path):
    for name, data in (("a", "x"), ("b", "x"), ("c", "y")):
        write_bundle(tmp_path / name, system(1.0, 20), data)
    found, _ = read_systems(named(tmp_path, *"abc"))
    assert {name: one.paired for name, one in compare(found, resamples=20).against.items()} == {"b": True, "c": False}


def test_patients_are_the_means_of_their_scans_and_called_as_the_system_decides(tmp_path):
    one = system(1.0, 20, per_patient=2, labels=("healthy", "covid"), truth_seed=3)
    write_evaluation(tmp_path / "a", one)
    write_bundle(tmp_path / "b", one, "x", threshold=0.2)
    found, _ = read_systems(named(tmp_path, "a", "b"), "patient")
    for name in "ab":
        assert found[name].level == "patient"
        np.testing.assert_allclose(found[name].probabilities, one.by_patient().probabilities)
    decided = one.by_patient(lambda p: int(p[1] >= 0.2)).called.tolist()
    assert found["b"].called.tolist() == decided != one.by_patient().called.tolist()


def test_what_holds_no_such_predictions_is_told(tmp_path):
    write_evaluation(tmp_path / "patients", system(1.0, 20), "patient")
    write_bundle(tmp_path / "bundle", system(1.0, 20), "x")
    (tmp_path / "empty").mkdir()

    def read(name, level="scan"):
        return read_systems(named(tmp_path, name), level)

    assert read("patients", "patient")[0]["patients"].level == "patient"
    with pytest.raises(InputError, match="is an evaluation of patients; evaluate again with --level scan"):
        read("patients")
    with pytest.raises(InputError, match="has no slices"):
        read("patients", "slice")
    with pytest.raises(InputError, match=r"by scans\. Received: --level slice"):
        read("bundle", "slice")
    with pytest.raises(InputError, match=r"no predictions: a CSV .* Received: .*empty"):
        read("empty")
    (tmp_path / "bundle" / "validation.csv").unlink()
    with pytest.raises(InputError, match="had no validation scans"):
        read("bundle")
    with pytest.raises(InputError, match=r"outlines lung.* and makes no diagnosis"):
        read_systems({"lungs": "lungs"})
