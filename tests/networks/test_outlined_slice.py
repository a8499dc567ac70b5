import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tfcovid.errors import InputError
from tfcovid.layers import OutlinedArea
from tfcovid.networks import attention_unet, freeze, outlined_slice

SHAPE = (64, 64, 1)


def compact(**options):
    return outlined_slice(2, **{"input_shape": SHAPE, "variant": "attention_unet_compact"} | options)


@pytest.fixture
def slices():
    return np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")


@pytest.fixture
def segmenters(tmp_path, slices):
    """Networks of infection and of lungs, and their files."""
    networks = {}
    for seed, name in enumerate(("infection", "lungs")):
        keras.utils.set_random_seed(seed)
        networks[name] = settled(attention_unet(1, SHAPE, "attention_unet_compact"), slices)
        networks[name].save(tmp_path / f"{name}.keras")
    return networks, {name: str(tmp_path / f"{name}.keras") for name in networks}


def test_it_reads_the_infection_that_is_outlined_in_lungs(segmenters, slices):
    networks, files = segmenters
    outputs = {name: np.asarray(value) for name, value in compact(weights=files)(slices).items()}

    outlined = np.asarray(networks["infection"](slices)) * np.asarray(networks["lungs"](slices))
    halved = outlined.reshape(2, 32, 2, 32, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(outputs["lesion_map"], halved, atol=1e-6)
    area = np.asarray(OutlinedArea()(outlined))
    np.testing.assert_allclose(outputs["features"], area * outputs["lesion"][:, 1:], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(outputs["disease"], 0.5)  # heads start from zero


def test_frozen_all_but_the_two_heads_stays(slices):
    network = compact()
    freeze(network, None)
    names = {weight.path.split("/")[0] for weight in network.trainable_weights}
    assert names == {"lesion", "disease"}
    before = np.asarray(network(slices)["lesion_map"])
    network.compile("sgd", {"disease": "mse", "lesion": "mse"})
    network.fit(slices, {"disease": np.eye(2), "lesion": np.eye(2)}, verbose=0)
    np.testing.assert_array_equal(np.asarray(network(slices)["lesion_map"]), before)


def test_a_segmenter_of_other_labels_is_refused(segmenters, tmp_path):
    attention_unet(4, SHAPE, "attention_unet_compact").save(tmp_path / "four.keras")
    with pytest.raises(InputError, match=r"background and lungs, and no others.*four.keras"):
        compact(weights={**segmenters[1], "lungs": str(tmp_path / "four.keras")})
    with pytest.raises(InputError, match=r"both or none. Received: lungs"):
        compact(weights={"lungs": segmenters[1]["lungs"]})


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="Received: variant='unet'"):
        compact(variant="unet")


def test_shared_check(tmp_path, slices):
    def make():
        network = settled(compact(), slices)
        # Most of a slice outlined: where little is, rounding to bfloat16 is a large share of it.
        for name in ("infection", "lungs"):
            mask = network.get_layer(name).get_layer("mask")
            mask.set_weights([mask.get_weights()[0], mask.get_weights()[1] + 2])
        for name in ("lesion", "disease"):
            layer = network.get_layer(name)
            layer.set_weights([np.random.default_rng(0).normal(0, 0.1, weight.shape) for weight in layer.weights])
        return network

    check(make, slices, tmp_path)
