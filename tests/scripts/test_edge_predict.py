"""The script on exports, in processes of its own, against what the bundle says."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tfcovid.config import load_config
from tfcovid.export.evidence import Evidence
from tfcovid.export.tflite_draws import tflite_draws
from tfcovid.export.write_tflite import write_tflite
from tfcovid.inference import Ensemble, System, load_segmenter
from tfcovid.scans import read_scan

SCRIPT = Path(__file__).parents[2] / "scripts" / "edge_predict.py"

# Runs the script as a user does, and then says what it brought along.
_FRESH = """
import runpy, sys
script, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(script, run_name="__main__")
found = {"tensorflow", "keras"} & set(sys.modules)
sys.exit(f"imported {found}" if found else 0)
"""


def run(*arguments):
    command = [sys.executable, "-c", _FRESH, SCRIPT, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


@pytest.fixture(scope="module")
def ensemble(system, lungs_bundle):
    """Of the system, and of one that crops by a segmenter, sees slices mirrored and takes the mean of draws of them."""
    settings = ["crop={method: attention_unet, size: [32, 32], margin: 2, outside: white}", "mirror=true"]
    settings += ["window.predict=[-700,-500]", "patient_net={kind: mean, slices: 3, draws: 2}"]
    config = load_config("demo", settings)
    other = System(config, system.slice_network, None, system.facts, load_segmenter(lungs_bundle))
    return Ensemble(system.config, {"first": system, "second": other}, {})


@pytest.fixture(scope="module")
def exported(ensemble, held_out, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    facts = write_tflite(ensemble, folder, Evidence(read_scan(held_out)), ("float32",))
    facts |= {"format": "tflite", "notice": "Research use only."}
    (folder / "export.json").write_text(json.dumps(facts))
    return folder


def test_the_answer_is_that_of_the_bundle_without_tensorflow(ensemble, exported, held_out, tmp_path):
    done = run(exported, held_out, "--json", tmp_path / "answer.json")
    assert done.returncode == 0, done.stderr
    expected = ensemble.diagnose(read_scan(held_out))
    found = json.loads((tmp_path / "answer.json").read_text())
    assert found["label"] == expected.label == done.stdout.splitlines()[0]
    assert list(found["probabilities"]) == list(expected.labels)
    np.testing.assert_allclose(list(found["probabilities"].values()), list(expected.probabilities.values()), atol=1e-4)
    first = ensemble.members["first"].diagnose(read_scan(held_out))
    np.testing.assert_allclose(found["slice_probabilities"], first.slice_probabilities, atol=1e-4)
    assert "Research use only." in done.stdout


def test_mistakes_are_told_in_words(exported, held_out, tmp_path):
    makes = "`tfcovid export BUNDLE --to tflite -o FOLDER`"
    for arguments, words in (
        ((tmp_path, held_out), f"not an export: {makes} makes one. Received: {tmp_path}"),
        ((exported, tmp_path / "none"), f"no such scan. Received: {tmp_path / 'none'}"),
        ((exported, held_out, "--precision", "int8"), f"--precision: {exported} has float32. Received: int8"),
    ):  # fmt: skip
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == f"error: {words}"


@pytest.mark.parametrize(
    "patient_net",
    [
        "{kind: mean}",
        "{kind: max_scores, slices: 3, draws: 2}",
        "{kind: nonparametric, threshold: 0.2}",
        "{kind: eff_mix_conv_e, count: 34, filters: 36, backbone: resnet10_compact, draws: 3}",
    ],
)
def test_slices_are_joined_as_the_system_joins_them(patient_net):
    """Draws too, which `draws.npy` stands for where the system has Keras draw them."""
    config = load_config("demo", ["window.predict=[-700,-500]", "seed=3", f"patient_net={patient_net}"])
    inputs = keras.Input((32, 32, 1))
    disease = keras.layers.Dense(4, "softmax", name="disease")(keras.layers.Flatten()(inputs))

    features = keras.Input((None, 12), name="features")
    mask = keras.Input((None,), dtype="bool", name="slice_mask")
    # It tells which slices came, and how often.
    pooled = keras.ops.mean(features[..., :4], axis=1)
    network = keras.Model({"features": features, "slice_mask": mask}, pooled) if config.trains_patients else None
    system = System(config, keras.Model(inputs, {"disease": disease}), network, {})
    edge = SimpleNamespace(
        config=config,
        _patient=network and (lambda name, array: {"probabilities": array[..., :4].mean(axis=1)}),
        _draws=tflite_draws(config),
    )
    script = runpy.run_path(str(SCRIPT))["EdgeSystem"]
    edge._some_slices, edge._drawn = (getattr(script, name).__get__(edge) for name in ("_some_slices", "_drawn"))
    for count in (1, 5, 61):
        rng = np.random.default_rng(count)
        by_window, joined = rng.dirichlet(np.ones(4), (2, count, 2)).astype("float32")
        features = rng.normal(size=(count, 2, 12)).astype("float32")
        _, expected = system._patient(by_window, joined, features)
        windows_first = (np.moveaxis(one, 1, 0) for one in (by_window, joined, features))
        np.testing.assert_allclose(script._joined(edge, *windows_first), expected.mean(axis=0), atol=1e-6)


def test_the_script_stays_readable():
    assert len(SCRIPT.read_text().splitlines()) < 300
