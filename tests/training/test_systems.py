"""Each kind of slice network and of aggregator, from a config to a diagnosis."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfcovid.config import load_config, shipped_configs
from tfcovid.errors import InputError
from tfcovid.inference import load
from tfcovid.scans import read_scan
from tfcovid.training import train

SMALL = ["labels=[healthy,covid-19,h1n1,cap]", "head=softmax", "crop.size=[32,32]", "slice_training.batch=8"]
ONE = ["slice_training.epochs=1", "slice_net.weights=null"]
SYSTEMS = {
    "res_dense": [
        "slice_net.backbones=[resnet10_compact,resnet10_compact]",
        "slice_net.weights=null",
        "slice_training.epochs=2",
        "slice_training.phases=[{epochs: 1, heads_only: true}, {epochs: 1, freeze: 5}]",
    ],
    "ssfl": [
        *ONE,
        "slice_net.variant=resnet10_compact",
        "slice_net.coarse_dropout=0",
        "slice_training.slices=3",
        "patient_net.slices=2",
        "patient_net.draws=3",
    ],
    "chest_ct": [
        "slice_net={kind: outlined, variant: attention_unet_compact, lungs: attention_unet_compact}",
        "slice_training.epochs=1",
        "slice_training.phases=[{epochs: 1, heads_only: true}]",
        "slice_training.slices=3",
        "patient_training.epochs=2",
        "then=null",
    ],
    "eff_mix_conv_s": [
        "slice_net={kind: classifier, variant: resnet10_compact}",
        "slice_training.epochs=1",
        "slice_training.slices=3",
        "patient_net.count=6",
        "patient_net.filters=8",
        "patient_net.backbone=resnet10_compact",
        "patient_net.draws=2",
        "patient_training.epochs=1",
        "patient_training.batch=2",
        "patient_training.cosine=null",
        "patient_training.out_of_fold=2",
    ],
}


# eff_mix_conv_s differs from eff_mix_conv_e in one layer, which has tests of its own.
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow) if one == "eff_mix_conv_s" else one for one in SYSTEMS]
)
def test_a_system_trains_and_diagnoses(name, cohort, tmp_path, held_out):
    bundle, failed = train(load_config(name, [*SMALL, *SYSTEMS[name]]), cohort.entries, tmp_path / "b")
    assert not failed
    system, scan = load(bundle), read_scan(held_out)
    found = system.predict(scan)
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert found.probabilities == system.predict(scan).probabilities  # random slices are drawn from the seed
    run = json.loads((bundle / "run.json").read_text())
    assert run["config"]["name"] == name and {"prepare", "slice", "validation"} <= set(run["timings_s"])
    assert json.loads((bundle / "bundle.json").read_text())["validation_scans"]["scans"] == 4


def test_a_sigmoid_tells_two_labels_apart_at_the_threshold(cohort, tmp_path, held_out):
    entries = [entry for entry in cohort.entries if entry.label in ("healthy", "covid-19")]
    settings = ["labels=[healthy,covid-19]", "head=sigmoid", "crop.size=[32,32]", "slice_training.batch=4", *ONE]
    config = load_config("res_unet3d", [*settings, "slice_net.variant=resnet10_compact", "then=null"])
    bundle, _ = train(config, entries, tmp_path / "b")
    network = keras.saving.load_model(bundle / "slice.keras", compile=False)
    assert network.get_layer("disease").output.shape[-1] == 1
    found = load(bundle).predict(read_scan(held_out))
    above = found.probabilities["covid-19"] >= 0.5
    assert found.label == ("covid-19" if above else "healthy")
    system = load(bundle)
    system.config = config.model_copy(update={"threshold": 0.999 if above else 0.001})
    assert system.predict(read_scan(held_out)).label != found.label


def test_training_starts_from_the_slice_network_of_another_bundle(bundle, tiny_settings, cohort, store):
    from tfcovid.training.slice_network import slice_network

    config = load_config("demo", [*tiny_settings, f"slice_net.weights={bundle}"])
    first = keras.saving.load_model(bundle / "slice.keras", compile=False)
    for one, two in zip(slice_network(config).get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_frozen_segmenters_are_not_shown_another_window():
    from tfcovid.training.slice_network import slice_network

    with pytest.raises(InputError, match=r"weights\.infection was trained through -600/1500.*'width': 1200"):
        slice_network(load_config("chest_ct", ["window.width=1200"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(shipped_configs()) - {"demo", "infection", "infection_clicks", "lungs"}))
def test_a_shipped_config_trains_at_its_own_width(name, cohort, tmp_path):
    """One epoch on small pictures, with every layer that the config names."""
    config = load_config(name)
    settings = [*SMALL, "slice_net.weights=null", "slice_training.cosine=null", "lungs=null", "then=null"]
    if config.slice_training.phases:
        settings += ["slice_training.epochs=2"]
        settings += ["slice_training.phases=[{epochs: 1, heads_only: true}, {epochs: 1, freeze: 100}]"]
    else:
        settings += ["slice_training.epochs=1"]
    if config.patient_training:
        settings += ["patient_training.epochs=1", "patient_training.cosine=null"]
    bundle, failed = train(load_config(name, settings), cohort.entries, tmp_path / "b")
    assert not failed and (bundle / "bundle.json").is_file()


_TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from tfcovid.config import load_config
from tfcovid.data import read_manifest
from tfcovid.training import train

folder, manifest, *settings = sys.argv[1:]
# Random layers draw apart on each device.
settings += ["slice_training.augmentation.flip=none", "window.train=[-600,-600]", "patient_net.dropout=0"]
config = load_config("demo", [*settings, "patient_training.batch=2"])
for name in ("one", "mirrored"):
    train(config, read_manifest(manifest), f"{folder}/{name}", f"{folder}/store", strategy=name)
"""


@pytest.mark.slow
def test_a_whole_system_trains_on_two_devices_as_on_one(cohort, tiny_settings, tmp_path):
    words = [sys.executable, "-c", _TWO_DEVICES, tmp_path, cohort.manifest, *tiny_settings]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "mirrored" / "run.json").read_text())["device"]["replicas"] == 2
    for log in ("slice_log.csv", "patient_log.csv"):
        one, two = (np.genfromtxt(tmp_path / name / log, delimiter=",", skip_header=1) for name in ("one", "mirrored"))
        np.testing.assert_allclose(one, two, rtol=1e-3)
