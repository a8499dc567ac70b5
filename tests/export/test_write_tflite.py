from pathlib import Path

import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.export.evidence import Evidence
from tfcovid.export.write_tflite import TOLERANCES, write_tflite
from tfcovid.inference import load_segmenter
from tfcovid.scans import read_scan


@pytest.fixture(scope="module")
def evidence(held_out, outlined):
    return Evidence(read_scan(held_out), outlined)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tflite")


@pytest.fixture(scope="module")
def facts(system, evidence, folder):
    return write_tflite(system, folder, evidence)


def test_every_precision_is_as_near_to_the_bundle_as_it_says(facts):
    found = facts["differences"]
    assert facts["tolerances"] == TOLERANCES and facts["left_out"] == {}
    assert max(found["float32"].values()) < 1e-5
    assert found["float32"]["slices"] < found["float16"]["slices"] < found["int8"]["slices"] < 0.1


def test_files_shrink_with_the_precision_and_the_facts_list_them(facts, folder):
    files = facts["networks"]["slice"]["files"]
    sizes = {precision: Path(folder / file["file"]).stat().st_size for precision, file in files.items()}
    assert sizes == {precision: file["bytes"] for precision, file in files.items()}
    assert sizes["float16"] < 0.6 * sizes["float32"] and sizes["int8"] < 0.4 * sizes["float32"]
    assert list(facts["networks"]["patient"]["files"]) == ["float32"]
    assert facts["members"]["demo"]["slice"] == "slice" and facts["members"]["demo"]["patient"] == "patient"
    assert facts["networks"]["slice"]["inputs"]["levels"]["shape"] == [1, 32, 32, 1]
    assert [row["network"] for row in facts["table"]] == ["slice"] * 4 + ["patient"] + ["all"] * 4
    named = {file["file"] for one in facts["networks"].values() for file in one["files"].values()}
    assert named == {path.name for path in folder.iterdir()}


def test_the_change_of_auc_is_that_on_scans_kept_out(facts):
    assert 0 <= facts["auc"]["bundle"] <= 1
    assert facts["auc"]["float32"] == facts["auc"]["bundle"]
    whole = facts["table"][-1]
    assert whole["precision"] == "int8"
    assert whole["auc_change"] == facts["auc"]["int8"] - facts["auc"]["bundle"]


def test_what_is_not_equal_is_not_exported(system, evidence, tmp_path):
    with pytest.raises(InputError, match=r"float32: the probabilities of .* by more than 1e-12"):
        write_tflite(system, tmp_path, evidence, ("float32",), tolerance=1e-12)


def test_integers_need_labelled_scans(system, evidence, tmp_path):
    with pytest.raises(InputError, match="precision int8: its integers are fitted to labelled scans: give --manifest"):
        write_tflite(system, tmp_path, Evidence(evidence.scan), ("int8",))


def test_a_segmenter_of_slices_comes_in_integers(lungs_bundle, evidence, tmp_path):
    facts = write_tflite(load_segmenter(lungs_bundle), tmp_path, evidence, ("float32", "int8"), tolerance=2)
    assert facts["differences"]["float32"]["pixels"] < 1e-4 and facts["differences"]["float32"]["mask"] == 0
    assert facts["networks"]["segment"]["outputs"]["probabilities"]["shape"] == [1, 32, 32, 2]


def test_a_segmenter_of_volumes_stays_in_floats(infection_bundle, evidence, tmp_path):
    system = load_segmenter(infection_bundle)
    with pytest.raises(InputError, match="int8: TFLite's 3-D convolutions are float ones; take float32 or float16"):
        write_tflite(system, tmp_path, evidence, ("int8",))
    facts = write_tflite(system, tmp_path, evidence, ("float32", "float16"))
    assert facts["differences"]["float32"]["pixels"] < 1e-4
    assert facts["networks"]["segment"]["inputs"]["clicks"]["shape"] == [1, 2, 8, 3]
    assert np.isfinite(facts["table"][-1]["milliseconds"])
