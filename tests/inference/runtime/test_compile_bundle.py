"""Compiled bundles as they are made and as `load` runs them."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tfcovid.config.schema import Config
from tfcovid.errors import InputError
from tfcovid.inference import Clicks, Ensemble, explain_scan, load, load_segmenter
from tfcovid.inference.load import is_segmenter, needs_keras
from tfcovid.inference.runtime import compiled as compiled_module
from tfcovid.inference.runtime import openvino_network
from tfcovid.inference.runtime.all_probabilities import all_probabilities
from tfcovid.inference.runtime.check_compiled import check_compiled
from tfcovid.inference.runtime.compile_bundle import compile_bundle, write_facts
from tfcovid.inference.runtime.compiled import COMPILED

pytest.importorskip("openvino")

_WITHOUT_KERAS = """
import json, sys
import tfcovid
system = tfcovid.load(sys.argv[1], sys.argv[2], precision="float32")
found = system.predict(tfcovid.read_scan(sys.argv[3]))
found.save(sys.argv[4])
strange = [name for name in ("tensorflow", "keras", "openvino_telemetry") if sys.modules.get(name)]
print(json.dumps([found.probabilities, system.runtime["name"], strange]))
"""


def equal(found, expected, tolerance=1e-4):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_a_bundle_says_the_same_on_openvino(on_openvino, system, scan):
    assert on_openvino.runtime["name"] == "openvino" and on_openvino.slice_network is None
    found, expected = on_openvino.predict(scan), system.predict(scan)
    equal(all_probabilities(on_openvino, scan), all_probabilities(system, scan))
    equal(found.small_map, expected.small_map)
    assert found.label == expected.label and found.slice_calls == expected.slice_calls
    assert found.summary["runtime"]["precision"] == "float32" and expected.summary["runtime"]["name"] == "keras"
    assert found.summary["bundle"] == expected.summary["bundle"]


def test_what_the_processor_chooses_to_compute_in_stays_near(bundle, system, scan):
    equal(all_probabilities(load(bundle, "openvino"), scan), all_probabilities(system, scan), 0.01)


def test_a_whole_diagnosis_needs_no_tensorflow(on_openvino, bundle, system, scan, held_out, fresh, tmp_path):
    assert not needs_keras(bundle, "openvino") and needs_keras(bundle)
    probabilities, name, strange = fresh(_WITHOUT_KERAS, bundle, "openvino", held_out, tmp_path / "out")
    assert (name, strange) == ("openvino", [])
    assert probabilities == pytest.approx(system.predict(scan).probabilities, abs=1e-4)
    assert json.loads((tmp_path / "out/report.json").read_text())["runtime"]["name"] == "openvino"


@pytest.mark.slow
def test_a_bundle_says_the_same_on_litert(bundle, system, scan):
    pytest.importorskip("ai_edge_litert")
    on_litert = load(bundle, "litert")
    assert on_litert.runtime["name"] == "litert"
    equal(all_probabilities(on_litert, scan), all_probabilities(system, scan))


@pytest.mark.parametrize("runtime", ["openvino", pytest.param("litert", marks=pytest.mark.slow)])
def test_lungs_crop_and_infection_say_the_same(with_settings, lungs_bundle, infection_bundle, scan, tmp_path, runtime):
    if runtime == "litert":
        pytest.importorskip("ai_edge_litert")
    finder, then = load_segmenter(lungs_bundle), load_segmenter(infection_bundle)
    settings = "crop.method=attention_unet", "crop.segmenter=lungs", "patient_net.slices=3", "patient_net.draws=4"
    system = with_settings(*settings, finder=finder, then=replace(then, finder=finder))
    follows = {"then": {"when": list(system.config.labels), "segmenter": then.config.model_dump()}}
    system.config = Config.model_validate(system.config.model_dump() | follows)
    compile_bundle(system, tmp_path / "compiled", runtime)
    check_compiled(system, tmp_path / "compiled")
    assert not (tmp_path / "compiled/then/lungs").exists()
    loaded = load(tmp_path / "compiled", precision="float32")
    assert loaded.then.finder is loaded.finder and loaded.finder.hash == finder.hash
    found, expected = loaded.predict(scan), system.predict(scan)
    assert len(found.answers) == 8  # draws x windows
    equal(found.answers, expected.answers)
    np.testing.assert_array_equal(found.lungs, expected.lungs)
    np.testing.assert_array_equal(found.segmentation.masks, expected.segmentation.masks)
    assert found.segmentation.summary["runtime"]["name"] == runtime

    clicks = Clicks(positive=[(3, 30, 20), (4, 33, 41)], negative=[(3, 10, 10)])
    parts = [list(one.then.probabilities(scan.hu, scan.spacing, clicks)) for one in (loaded, system)]
    equal(*map(np.stack, parts), tolerance=1e-3)
    unclicked = np.stack(list(loaded.then.probabilities(scan.hu, scan.spacing)))
    assert np.abs(parts[0] - unclicked).max() > 1e-3


def test_an_ensemble_and_its_members_say_the_same(with_settings, scan, tmp_path):
    members = {"a": with_settings(), "b": with_settings("patient_net.kind=nonparametric", "window.width=1000")}
    ensemble = Ensemble(members["a"].config, members, {"format": 1, "name": "two", "members": ["a", "b"]}, "# card\n")
    compile_bundle(ensemble, tmp_path / "compiled", "openvino")
    check_compiled(ensemble, tmp_path / "compiled")
    loaded = load(tmp_path / "compiled", precision="float32")
    assert loaded.card == "# card\n" and loaded.runtime["name"] == "openvino"
    equal(all_probabilities(loaded, scan), all_probabilities(ensemble, scan))


def test_a_segmenter_is_compiled_with_what_finds_its_lungs(infection_bundle, tmp_path):
    segmenter = load_segmenter(infection_bundle)
    compile_bundle(segmenter, tmp_path / "compiled", "openvino")
    assert is_segmenter(tmp_path / "compiled")
    loaded = load_segmenter(tmp_path / "compiled")
    assert loaded.hash == segmenter.hash and loaded.finder.hash == segmenter.finder.hash
    with pytest.raises(InputError, match="makes no diagnosis"):
        load(tmp_path / "compiled")


@pytest.fixture
def copied(on_openvino, bundle, tmp_path):
    """A compiled bundle of its own."""
    from tfcovid.inference.runtime.cached import cached

    place, _ = cached(bundle, "openvino", None)
    return shutil.copytree(place, tmp_path / "copied")


@pytest.mark.parametrize("name", ["slice.bin", "slice.xml", "patient.bin"])
def test_a_damaged_compiled_bundle_is_told(copied, name):
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 255
    (copied / name).write_bytes(data)
    with pytest.raises(InputError, match=rf"copied.*damaged compiled bundle: {name}; copy or export it again"):
        load(copied)


def test_one_of_a_later_format_or_without_a_network_is_told(copied):
    facts = json.loads((copied / COMPILED).read_text())
    (copied / COMPILED).write_text(json.dumps(facts | {"format": 2}))
    with pytest.raises(InputError, match="format 2; this tfcovid reads format 1"):
        load(copied)
    (copied / "patient.xml").unlink()
    write_facts(copied, facts)
    with pytest.raises(InputError, match="openvino cannot read it"):
        load(copied)


def test_a_compiled_bundle_runs_on_what_it_was_compiled_for_alone(copied, scan, run):
    assert load(copied, "auto").runtime["name"] == "openvino"
    with pytest.raises(InputError, match=r"compiled for openvino.*Received: keras"):
        load(copied, "keras")
    with pytest.raises(InputError, match="give the bundle that `tfcovid train` wrote"):
        explain_scan(load(copied), scan)
    result = run("explain", copied, "--layers")
    assert result.exit_code == 2 and "compiled for openvino" in result.output


@pytest.mark.slow
def test_a_damaged_cache_is_made_again_and_said(bundle, on_openvino, monkeypatch, tmp_path):
    from tfcovid.inference.runtime.cached import cached

    place, _ = cached(bundle, "openvino", None)
    monkeypatch.setenv("TFCOVID_CACHE", str(tmp_path))
    shutil.copytree(place, tmp_path / place.name)
    (tmp_path / place.name / "slice.bin").write_bytes(b"")
    found = load(bundle, "openvino")
    assert "damaged and has been made again" in found.runtime["note"]
    assert "note" not in load(bundle, "openvino").runtime


def test_bfloat16_is_used_only_where_it_was_tried_and_holds(copied, monkeypatch):
    monkeypatch.setattr(openvino_network, "computes_bfloat16", lambda: True)
    facts = json.loads((copied / COMPILED).read_text())
    for tried, precision, note in (
        (None, "float32", "without bfloat16"),
        ({"largest_difference": 0.2, "holds": False}, "float32", "moves probabilities by 0.200"),
        ({"largest_difference": 0.002, "holds": True}, "bfloat16", ""),
    ):
        assert compiled_module._precision(facts | {"bfloat16": tried})[0] == precision
        assert note in compiled_module._precision(facts | {"bfloat16": tried})[1]
    write_facts(copied, facts | {"bfloat16": {"largest_difference": 0.002, "holds": True}})
    assert load(copied, precision="float32").runtime["precision"] == "float32"
    with pytest.raises(InputError, match="precision: float32, or None to choose"):
        load(copied, precision="int8")


def test_a_network_that_a_runtime_cannot_run_is_told_and_auto_goes_back_to_keras(bundle, monkeypatch, tmp_path):
    from tfcovid.inference.runtime import choose_runtime
    from tfcovid.inference.runtime import compile_bundle as module

    class Refusing:
        def read_model(self, _):
            raise RuntimeError("\nno such operation: Fancy")

        def get_property(self, *_):
            return ["FP32"]

    monkeypatch.setenv("TFCOVID_CACHE", str(tmp_path))
    monkeypatch.setattr(openvino_network, "core", Refusing)
    monkeypatch.setattr(choose_runtime, "_gpu", lambda: False)
    monkeypatch.setattr(module, "save_frozen", lambda *_: None)
    words = "the network slice of this bundle cannot run on openvino.*no such operation: Fancy"
    with pytest.raises(InputError, match=words):
        load(bundle, "openvino")
    found = load(bundle, "auto")
    assert found.runtime["name"] == "keras" and "no such operation: Fancy" in found.runtime["note"]
    assert not any(tmp_path.iterdir())
