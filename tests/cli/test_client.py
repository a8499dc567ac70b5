import csv
import json

import cv2
import nibabel
import numpy as np
import pytest

from tests.serve.grpc_double import grpc_double
from tests.serve.rest_double import rest_double
from tests.serve.served_double import Served
from tests.serve.tiny_model import TinyModel
from tfcovid.scans import read_scan


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """What the client reads of an export of `TinyModel`."""
    folder = tmp_path_factory.mktemp("export")
    TinyModel().save(folder / "tiny" / "1")
    facts = {"labels": ["healthy", "covid-19"], "notice": "Research use only. Reckoned by hand."}
    (folder / "export.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def served(export, monkeypatch):
    monkeypatch.setattr("tfcovid.serve.patiently.sleep", lambda _: None)
    return Served("tiny", export / "tiny" / "1")


@pytest.fixture(params=[rest_double, grpc_double])
def url(request, served):
    with request.param(served) as address:
        yield address


def test_a_scan_is_diagnosed_elsewhere_into_the_folder(run, url, served, export, held_out, tmp_path):
    served.busy = 1
    result = run("client", url, held_out, "--export", export, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "answer.json").read_text())
    lines = result.stdout.splitlines()
    assert lines[0] == found["diagnosis"] and lines[1].split()[0] == "healthy" and lines[2].split()[0] == "covid-19"
    assert lines[-1] == found["notice"] == "Research use only. Reckoned by hand."
    assert "asking again in 1 s" in result.stderr and "too-few-slices" in result.stderr
    scan = read_scan(held_out)
    assert nibabel.load(tmp_path / "out" / "lesion_map.nii.gz").shape == scan.shape[::-1]
    with (tmp_path / "out" / "slices.csv").open(newline="", encoding="utf-8") as file:
        assert [int(row["slice"]) for row in csv.DictReader(file)] == list(range(1, len(scan.hu)))
    assert scan.key in (tmp_path / "out" / "answer.json").read_text()

    again = run("client", url, held_out, "--export", export, "-o", tmp_path / "out")
    assert again.exit_code == 2 and "overwrite it on purpose" in again.stderr and served.asked == 1
    assert run("client", url, held_out, "--export", export, "-o", tmp_path / "out", "--overwrite").exit_code == 0


def test_without_a_folder_it_prints(run, url, held_out):
    result = run("client", url, held_out, "--model", "tiny", "--labels", "healthy, sick")
    assert result.exit_code == 0 and "Research use only" in result.stdout.splitlines()[-1]
    assert [line.split()[0] for line in result.stdout.splitlines()[1:3]] == ["healthy", "sick"]
    slices = run("client", url, held_out, "--model", "tiny", "--signature", "serving_default")
    assert slices.exit_code == 0 and slices.stdout.startswith("slice 0: class 0 ") and "slice 7: " in slices.stdout


def test_a_picture(run, url, tmp_path):
    cv2.imwrite(str(tmp_path / "slice.png"), np.full((8, 8), 200, np.uint8))
    result = run("client", url, tmp_path / "slice.png", "--model", "tiny", "--allow", "too-few-slices")
    assert result.exit_code == 0 and result.stdout.startswith("slice 0: class 0 0.000  class 1 1.000")


@pytest.mark.parametrize(
    "words, told",
    [
        (["--model", "other"], "has no other|not find any versions of model other"),
        (["--model", "tiny", "--version", "7"], "--version: tiny has 1 AVAILABLE. Received: 7"),
        (["--model", "tiny", "--signature", "predict"], "--signature: tiny has clicked, cropped"),
        (["--model", "tiny", "--signature", "clicked"], "wants more than a scan"),
        (["--model", "tiny", "--signature", "cropped"], "cropped takes int16"),
        (["--model", "tiny", "--labels", "a,b,c"], "tells 2 classes apart. Received: a, b, c"),
        (["--model", "tiny", "--allow", "typo"], "typo"),
        ([], "--model: name the model"),
        (["--export", "."], "--export: give the folder"),
    ],
)
def test_wrong_input_is_told_with_exit_code_2_and_nothing_is_written(run, url, held_out, tmp_path, words, told):
    result = run("client", url, held_out, "-o", tmp_path / "out", *words)
    assert result.exit_code == 2 and any(one in result.stderr for one in told.split("|")), result.stderr
    assert not list(tmp_path.iterdir())


def test_a_damaged_answer_leaves_nothing_behind(run, url, served, held_out, tmp_path):
    served.damage = lambda found: found | {"lesion_map": found["lesion_map"] * np.nan}
    result = run("client", url, held_out, "--model", "tiny", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "output lesion_map: is to be within 0 and 1. Received: nan" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["localhost", "http://127.0.0.1:9", "grpc://127.0.0.1:9"])
def test_where_no_server_is(run, held_out, tmp_path, url):
    result = run("client", url, held_out, "--model", "tiny", "--retries", "0", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "Received: " in result.stderr and not (tmp_path / "out").exists()
