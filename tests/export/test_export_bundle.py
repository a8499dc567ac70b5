import json

import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.export import Evidence, export_bundle
from tfcovid.scans import Scan


@pytest.fixture(scope="module")
def evidence():
    return Evidence.gather()


@pytest.fixture(scope="module")
def served(lungs_bundle, evidence, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "served"
    export_bundle(lungs_bundle, "savedmodel", folder, evidence)
    return folder


def test_an_export_says_what_it_is_and_of_what(served, lungs_bundle):
    facts = json.loads((served / "export.json").read_text())
    assert facts["format"] == "savedmodel" and facts["labels"] == ["background", "lung"]
    assert facts["bundle"] == json.loads((lungs_bundle / "bundle.json").read_text())
    assert facts["verified_on"] == "a phantom" and "Research use only" in facts["notice"]
    names = {path.name for path in served.iterdir()}
    assert names == {"tiny_lungs", "export.json", "models.config", "batching.config", "compose.yaml"}


def test_a_version_is_added_and_the_one_before_stays(served, lungs_bundle, evidence):
    before = (served / "tiny_lungs" / "1" / "saved_model.pb").read_bytes()
    facts = export_bundle(lungs_bundle, "savedmodel", served, evidence)
    assert facts["version"] == 2 == json.loads((served / "export.json").read_text())["version"]
    assert (served / "tiny_lungs" / "1" / "saved_model.pb").read_bytes() == before
    assert (served / "tiny_lungs" / "2" / "assets" / "labels.txt").read_text() == "background\nlung\n"
    assert not list(served.parent.glob(".*"))


def test_the_scan_that_it_was_verified_on_is_not_in_an_export(lungs_bundle, evidence, tmp_path):
    hu = evidence.scan.hu.copy()
    hu[:, 40] = np.arange(160) * 8 - 1000  # whose bytes no phantom has
    scan = Scan.from_array(hu, evidence.scan.spacing)
    export_bundle(lungs_bundle, "savedmodel", tmp_path / "out", Evidence.gather(scan))
    held = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert any(evidence.scan.hu[6, 60].tobytes() in one for one in held)
    assert not any(hu[6, 40].tobytes() in one for one in held)


def test_another_model_or_format_is_not_mixed_in(served, bundle, lungs_bundle, evidence, tmp_path):
    with pytest.raises(InputError, match=r"savedmodel of demo.*Received: format savedmodel of tiny_lungs"):
        export_bundle(bundle, "savedmodel", served, evidence)
    with pytest.raises(InputError, match="is there already; choose another folder"):
        export_bundle(lungs_bundle, "onnx", served, evidence)
    (tmp_path / "notes").mkdir()
    with pytest.raises(InputError, match="Received: something else"):
        export_bundle(lungs_bundle, "savedmodel", tmp_path / "notes", evidence)


def test_what_is_not_equal_leaves_nothing_behind(lungs_bundle, evidence, tmp_path, monkeypatch):
    def unequal(*_):
        raise InputError("not equal")

    monkeypatch.setattr("tfcovid.export.write_savedmodel.require_equal", unequal)
    with pytest.raises(InputError, match="not equal"):
        export_bundle(lungs_bundle, "savedmodel", tmp_path / "out", evidence)
    assert not list(tmp_path.iterdir())


def test_wrong_words_are_told_with_the_right_ones(lungs_bundle, evidence, tmp_path):
    with pytest.raises(InputError, match=r"one of savedmodel, tflite, onnx, openvino\. Received: coreml"):
        export_bundle(lungs_bundle, "coreml", tmp_path / "out", evidence)
    with pytest.raises(InputError, match=r"onnx comes in float32\. Received: int8"):
        export_bundle(lungs_bundle, "onnx", tmp_path / "out", evidence, ["int8"])
    grey = Scan.from_array(evidence.scan.hu.astype("uint8"), units="8-bit")
    with pytest.raises(InputError, match="Hounsfield units"):
        Evidence.gather(grey)
