import cv2
import keras
import numpy as np
import pytest
from keras import layers

from tests.networks.settled import settled
from tfcovid.explain import with_map
from tfcovid.inference import System, load
from tfcovid.layers import GeM
from tfcovid.networks import eff_mix_conv, m3lung_slice, res_dense, resnet
from tfcovid.phantom import make_phantom
from tfcovid.scans import Scan
from tfcovid.training.slice_network import both_labels


@pytest.fixture(scope="module")
def slices():
    return np.random.default_rng(0).random((4, 64, 64, 1), "float32")


def as_slice_network(network):
    outputs = {"disease": both_labels(network.output), "features": network.get_layer("features").output}
    return keras.Model(network.input, outputs)


NETWORKS = {
    "softmax": lambda: resnet(3, (64, 64, 1), "resnet10_compact", dropout=0.3),
    "sigmoid": lambda: resnet(1, (64, 64, 1), "resnet10_compact"),
    "embedding": lambda: eff_mix_conv(2, (64, 64, 1), "efficientnet_b0", embedding=8, dropout=0.2),
    "gem": lambda: res_dense(1, (64, 64, 1), ("resnet10_compact", "resnet10_compact"), pooling="gem"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_the_map_says_of_places_averages_to_what_the_network_says_of_the_slice(name, slices):
    keras.utils.set_random_seed(1)
    network = as_slice_network(settled(NETWORKS[name](), slices))
    mapped = with_map(network)
    before, after = network.predict(slices, verbose=0), mapped.predict(slices, verbose=0)
    for key, value in before.items():
        np.testing.assert_array_equal(after[key], value)
    assert after["lesion_map"].shape == (4, 2, 2, 1) and after["lesion_map"].dtype == np.float32

    evidence = mapped.get_layer("lesion_map")
    features = keras.Model(network.input, evidence.input[0]).predict(slices, verbose=0)
    pooled = np.mean(evidence._averaged(keras.ops.convert_to_tensor(features), (1, 2)), axis=(1, 2))
    kernel, bias = evidence.get_weights()[:2]
    scores = pooled @ kernel + bias
    if name in ("sigmoid", "gem"):
        chance = 1 / (1 + np.exp(-scores[:, 0]))
    else:
        chance = 1 - np.exp(scores[:, 0]) / np.exp(scores).sum(axis=1)
    np.testing.assert_allclose(chance, before["disease"][:, 1:].sum(axis=1), atol=1e-5)


def test_a_network_that_makes_its_own_map_keeps_it():
    network = m3lung_slice(3, (64, 64, 1), "resnet10_compact")
    assert with_map(network) is network
    plain = m3lung_slice(3, (64, 64, 1), "resnet10_compact", multi_task=False, attention=False)
    assert with_map(plain).output["lesion_map"].shape == (None, 2, 2, 1)


def test_a_head_that_is_not_linear_gets_no_map():
    inputs = keras.Input((16, 16, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    for head in (layers.Dense(3, "relu"), layers.LayerNormalization()):
        network = keras.Model(inputs, layers.Dense(2, "softmax", name="disease")(head(x)))
        assert with_map(network) is network
    network = keras.Model(inputs, layers.Dense(2, "softmax", name="other")(x))
    assert with_map(network) is network


def test_a_volume_and_a_head_without_bias_work_too():
    inputs = keras.Input((4, 8, 8, 1))
    x = GeM(p=2.0)(layers.Conv3D(4, 3, padding="same", activation="relu")(inputs))
    network = keras.Model(inputs, layers.Dense(2, "softmax", use_bias=False, name="disease")(x))
    assert with_map(network)(np.ones((1, 4, 8, 8, 1), "float32"))["lesion_map"].shape == (1, 4, 8, 8, 1)


@pytest.mark.parametrize("name", ["covid_ct", "demo"])
def test_bundles_of_before_make_a_map(name):
    system = load(name)
    systems = system.members.values() if hasattr(system, "members") else [system]
    assert all("lesion_map" in one._windowed.output for one in systems)


@pytest.fixture(scope="module")
def taught():
    """A network that learnt from phantoms, as it is and as a plain classifier, whose map is of its output weights."""
    system = load("demo")
    network = system.slice_network
    outputs = {name: network.output[name] for name in ("disease", "features")}
    plain = keras.Model(network.input, outputs)
    return {"prototypes": system, "output weights": System(system.config, plain, system.patient_network, system.facts)}


def scanned(disease, seed):
    phantom = make_phantom(disease, seed=seed, shape=(12, 192, 192), severity=None if disease == "healthy" else 0.6)
    return Scan.from_array(phantom.hu, phantom.spacing), phantom.lesions > 0


@pytest.mark.parametrize("kind", ["prototypes", "output weights"])
def test_the_map_lies_in_planted_lesions_and_a_healthy_scan_stays_cold(kind, taught):
    warm = []
    for disease, seed in (("covid", 25), ("cap", 6), ("cap", 26)):
        scan, lesions = scanned(disease, seed)
        found = taught[kind].diagnose(scan)
        heat = found.lesion_map
        boxes = np.zeros(heat.shape, bool)
        for k, (top, left, bottom, right) in zip(found.slices.index, found.slices.boxes, strict=True):
            boxes[k, top:bottom, left:right] = True
        cell = int(np.median(found.slices.boxes[:, 2] - found.slices.boxes[:, 0])) // found.small_map.shape[1]
        near = np.stack([cv2.dilate(one.astype(np.uint8), np.ones((2 * cell + 1,) * 2)) for one in lesions]) > 0
        assert heat[near].sum() / heat.sum() > 2 * near[boxes].mean()
        assert heat[lesions].sum() / heat.sum() > 3 * lesions[boxes].mean()
        warm.append(heat[lesions].mean())
    assert np.mean(warm) > 0.6
    for seed in (7, 10):
        healthy = taught[kind].diagnose(scanned("healthy", seed)[0])
        assert healthy.label == "healthy"
        assert healthy.lesion_map.mean() < 0.02 and (healthy.lesion_map > 0.5).mean() < 0.002
