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
def segmenter(tmp_path, slices):
    network = settled(attention_unet(1, SHAPE, "attention_unet_compact"), slices)
    network.save(tmp_path / "segment.keras")
    return network


def test_it_reads_what_the_segmenter_outlines(segmenter, slices, tmp_path):
    found = settled(compact(weights=str(tmp_path / "segment.keras")), slices)
    # Norms of the segmenter were fitted again, to the same slices.
    found.get_layer("segmenter").set_weights(segmenter.get_weights())
    outputs = {name: np.asarray(value) for name, value in found(slices).items()}

    outlined = np.asarray(segmenter(slices))
    halved = outlined.reshape(2, 32, 2, 32, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(outputs["lesion_map"], halved, atol=1e-6)
    area = np.asarray(OutlinedArea()(outlined))
    np.testing.assert_allclose(outputs["features"], area * outputs["lesion"][:, 1:], rtol=1e-4, atol=1e-6)
    for name in ("disease", "lesion"):
        np.testing.assert_allclose(outputs[name].sum(axis=-1), 1, rtol=1e-5)


def test_frozen_all_but_the_two_heads_stays(slices):
    network = compact()
    freeze(network, None)
    names = {weight.path.split("/")[0] for weight in network.trainable_weights}
    assert names == {"lesion", "disease"}
    before = np.asarray(network(slices)["lesion_map"])
    network.compile("sgd", {"disease": "mse", "lesion": "mse"})
    network.fit(slices, {"disease": np.eye(2), "lesion": np.eye(2)}, verbose=0)
    np.testing.assert_array_equal(np.asarray(network(slices)["lesion_map"]), before)


def test_a_segmenter_of_other_labels_is_refused(tmp_path):
    attention_unet(4, SHAPE, "attention_unet_compact").save(tmp_path / "lungs.keras")
    with pytest.raises(InputError, match=r"background and infection, and no others.*lungs.keras"):
        compact(weights=str(tmp_path / "lungs.keras"))


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="Received: variant='unet'"):
        compact(variant="unet")


def test_shared_check(tmp_path, slices):
    keras.utils.set_random_seed(0)
    check(lambda: settled(compact(), slices), slices, tmp_path)
