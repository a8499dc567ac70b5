import json

import numpy as np
import pytest

from tests.evaluation.test_compare import system
from tfcovid.errors import InputError
from tfcovid.evaluation.compare import compare
from tfcovid.evaluation.predictions import write_predictions
from tfcovid.evaluation.read_system import read_system


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


def write_bundle(folder, one, data):
    folder.mkdir()
    (folder / "bundle.json").write_text(json.dumps({"labels": one.labels}))
    (folder / "run.json").write_text(json.dumps({"data_sha256": data}))
    write_predictions(rows(one, numbered=True), folder / "validation.csv")


def write_evaluation(folder, one, level="scan"):
    folder.mkdir()
    (folder / "evaluation.json").write_text(json.dumps({"levels": [{"level": level}]}))
    write_predictions(rows(one), folder / "predictions.csv")


def test_a_table_and_an_evaluation_of_the_same_scans_are_paired(tmp_path):
    a, b = system(1.0, 20), system(2.0, 20, seed=1)
    write_evaluation(tmp_path / "a", a)
    write_predictions(rows(b), tmp_path / "b.csv")
    found = compare({name: read_system(tmp_path / name)[0] for name in ("a", "b.csv")}, resamples=20)
    assert found.against["b.csv"].paired
    assert found.against["b.csv"].bootstrap == compare({"a": a, "b": b}, resamples=20).against["b"].bootstrap


def test_numbers_of_scans_mean_the_same_only_in_bundles_of_the_same_data(tmp_path):
    for name, data in (("a", "x"), ("b", "x"), ("c", "y")):
        write_bundle(tmp_path / name, system(1.0, 20), data)
    found = {name: read_system(tmp_path / name)[0] for name in "abc"}
    assert {name: one.paired for name, one in compare(found, resamples=20).against.items()} == {"b": True, "c": False}


def test_patients_are_the_means_of_their_scans(tmp_path):
    one = system(1.0, 20, per_patient=2)
    write_evaluation(tmp_path / "a", one)
    write_bundle(tmp_path / "b", one, "x")
    for name in "ab":
        found = read_system(tmp_path / name, "patient")[0]
        assert found.level == "patient"
        np.testing.assert_allclose(found.probabilities, one.by_patient().probabilities)


def test_what_holds_no_such_predictions_is_told(tmp_path):
    write_evaluation(tmp_path / "patients", system(1.0, 20), "patient")
    write_bundle(tmp_path / "bundle", system(1.0, 20), "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is an evaluation of patients; evaluate again with --level scan"):
        read_system(tmp_path / "patients")
    with pytest.raises(InputError, match="has no slices"):
        read_system(tmp_path / "patients", "slice")
    with pytest.raises(InputError, match=r"by scans\. Received: --level slice"):
        read_system(tmp_path / "bundle", "slice")
    with pytest.raises(InputError, match=r"no predictions: a CSV .* Received: .*empty"):
        read_system(tmp_path / "empty")
    (tmp_path / "bundle" / "validation.csv").unlink()
    with pytest.raises(InputError, match="had no validation scans"):
        read_system(tmp_path / "bundle")
