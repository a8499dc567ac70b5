import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfcovid.config import load_config
from tfcovid.export import ServingModel
from tfcovid.export.run_saved_model import run_saved_model
from tfcovid.inference import Ensemble, System
from tfcovid.scans import read_scan

# A process that has TensorFlow, and can find neither Keras nor this package.
_FRESH = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *more):
        return None if name.split(".")[0] in ("keras", "tf_keras", "tfcovid") else self.finder.find_spec(name, *more)

sys.meta_path[:] = map(Without, sys.meta_path)
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1] + "/model").signatures
hu = np.load(sys.argv[1] + "/hu.npz")
for name, run in signatures.items():
    np.savez(sys.argv[1] + "/" + name, **{key: value.numpy() for key, value in run(hu=tf.constant(hu[name])).items()})
    try:
        run(hu=tf.constant(hu[name][:0]))
    except tf.errors.InvalidArgumentError as error:
        assert "hu: no pixels; send whole slices" in str(error), error
    else:
        sys.exit(name + " takes no slices at all")
sys.exit(any(name.split(".")[0] in ("keras", "tfcovid") for name in sys.modules))
"""


@pytest.fixture(scope="module")
def scan(held_out):
    return read_scan(held_out)


@pytest.fixture(scope="module")
def expected(system, scan):
    return system.diagnose(scan)


@pytest.fixture(scope="module")
def saved(system, scan, expected, tmp_path_factory):
    """A folder with the saved model and, in hu.npz, slices for each signature."""
    folder = tmp_path_factory.mktemp("saved")
    ServingModel(system).save(folder / "model")
    few = {"serving_default": scan.hu[2:5], "embed": scan.hu[2:5], "cropped": expected.slices.hu[2:5]}
    np.savez(folder / "hu.npz", scan=scan.hu, **few)
    return folder


@pytest.fixture(scope="module")
def served(saved):
    """Name of each signature -> what it gives in a fresh process without Keras and tfcovid."""
    done = subprocess.run([sys.executable, "-P", "-c", _FRESH, saved], cwd=saved, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: np.load(saved / f"{name}.npz") for name in np.load(saved / "hu.npz")}


def assert_slices(found, expected, at):
    np.testing.assert_allclose(found["slice_probabilities"], expected.slice_probabilities[at], atol=1e-5)
    np.testing.assert_allclose(found["lesion_probabilities"], expected.lesion_probabilities[at], atol=1e-5)
    np.testing.assert_allclose(found["lesion_map"], expected.small_map[at], atol=1e-5)


def test_a_scan_without_keras_is_diagnosed_as_the_system_does(served, expected):
    found = served["scan"]
    assert expected.labels[int(found["label"])] == expected.label
    np.testing.assert_allclose(found["probabilities"], list(expected.probabilities.values()), atol=1e-5)
    np.testing.assert_allclose(found["by_window"], list(expected.by_window.values()), atol=1e-5)
    for name in ("index", "boxes", "without_lung"):
        np.testing.assert_array_equal(found[name], getattr(expected.slices, name))
    assert_slices(found, expected, slice(None))


def test_slices_without_keras_read_as_in_their_scan(served, expected):
    assert set(served) == {"serving_default", "scan", "cropped", "embed"}
    np.testing.assert_array_equal(served["serving_default"]["boxes"], expected.slices.boxes[2:5])
    for name in ("serving_default", "cropped"):
        assert_slices(served[name], expected, slice(2, 5))


def test_the_c_api_gives_what_python_gives(saved, served):
    hu = np.load(saved / "hu.npz")
    answers = run_saved_model(saved / "model", [(name, {"hu": hu[name]}) for name in served])
    for (found, seconds), expected in zip(answers, served.values(), strict=True):
        assert set(found) == set(expected) and seconds > 0
        for key in expected:
            assert found[key].dtype == expected[key].dtype
            np.testing.assert_allclose(found[key], expected[key], atol=1e-6)


def test_what_cannot_be_hounsfield_units_is_refused_in_words(system, scan):
    grey = np.clip(scan.hu, 0, 255).astype(np.int16)
    for run in ServingModel(system).signatures.values():
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"grey levels.*values from\] \[0\] \[to\] \[255\]"):
            run(hu=tf.constant(grey[:, :32, :32]))


def test_padding_below_air_is_air(system, scan):
    run = ServingModel(system).signatures["scan"]
    padded = np.where(scan.hu < -950, -3024, scan.hu).astype(np.int16)
    air = np.where(scan.hu < -950, -1024, scan.hu).astype(np.int16)
    for name, value in run(hu=tf.constant(padded)).items():
        np.testing.assert_array_equal(value, run(hu=tf.constant(air))[name])


def ensemble_of(system, *settings):
    """`system` without its patient network, and its slice network under `settings`."""
    first = load_config("demo", ["patient_net={kind: mean}", "crop.size=[32,32]", "window.predict=[-700,-500]"])
    second = load_config("demo", ["patient_net={kind: max_scores}", "window.predict=[-700,-500]", *settings])
    members = {
        name: System(config, system.slice_network, None, system.facts)
        for name, config in (("first", first), ("second", second))
    }
    return Ensemble(first, members, {})


def test_members_that_read_the_same_boxes_are_joined(system, scan):
    ensemble = ensemble_of(system, "crop.size=[32,32]", "mirror=true")
    model, expected = ServingModel(ensemble), ensemble.diagnose(scan)
    assert_ensemble(model, expected, scan)
    assert "cropped" in model.signatures


def test_of_members_that_crop_differently_the_first_shows_its_slices(system, scan):
    ensemble = ensemble_of(system, "crop.size=[32,32]", "crop.margin=2", "selection.method=ssfl")
    model, expected = ServingModel(ensemble), ensemble.diagnose(scan)
    assert_ensemble(model, expected, scan)
    assert "cropped" not in model.signatures


def assert_ensemble(model, expected, scan):
    found = model.signatures["scan"](hu=tf.constant(scan.hu))
    assert expected.labels[int(found["label"])] == expected.label
    np.testing.assert_allclose(found["by_window"], list(expected.by_window.values()), atol=1e-5)
    np.testing.assert_array_equal(found["boxes"], expected.slices.boxes)
    assert_slices(found, expected, slice(None))
