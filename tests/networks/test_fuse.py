import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.test_eca_nfnet import SHAPE, awake, tiny
from tfcovid.layers import GroupedConv2D, ScaledStandardizedConv2D
from tfcovid.networks import fuse


@pytest.fixture
def slices():
    return np.random.default_rng(0).uniform(size=(3, *SHAPE)).astype("float32")


def assert_same(one, other, slices):
    one, other = (keras.ops.convert_to_numpy(network(slices)) for network in (one, other))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def kinds(network):
    return {type(layer) for layer in network.layers}


def test_a_trained_and_reloaded_network_stays_what_it_is(slices, tmp_path):
    network = awake(tiny(2, dropout=0.1, drop_path=0.1))
    network.compile("sgd", "sparse_categorical_crossentropy")
    network.fit(slices, np.array([0, 1, 1]), verbose=0)
    network.save(tmp_path / "trained.keras")
    for source in (network, keras.saving.load_model(tmp_path / "trained.keras")):
        fused = fuse(source)
        assert ScaledStandardizedConv2D in kinds(source)
        assert ScaledStandardizedConv2D not in kinds(fused)
        assert {keras.layers.Conv2D, GroupedConv2D} <= kinds(fused)
        assert [layer.name for layer in fused.layers] == [layer.name for layer in source.layers]
        # One gain less for each filter.
        gains = sum(layer.filters for layer in source.layers if isinstance(layer, ScaledStandardizedConv2D))
        assert fused.count_params() == source.count_params() - gains
        assert_same(fused, network, slices)


def test_a_network_inside_a_network(slices):
    inputs = keras.Input(SHAPE)
    outer = keras.Model(inputs, keras.layers.Dense(3, name="outer")(awake(tiny())(inputs)))
    fused = fuse(outer)
    assert ScaledStandardizedConv2D not in kinds(fused.get_layer("eca_nfnet"))
    assert_same(fused, outer, slices)


def test_the_copy_has_weights_of_its_own(slices):
    network = awake(tiny())
    fused = fuse(network)
    before = keras.ops.convert_to_numpy(fused(slices))
    for weight in network.trainable_weights:
        weight.assign(weight + 1)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(fused(slices)), before)


def test_shared_check(tmp_path):
    slices = np.random.default_rng(0).uniform(size=(2, 33, 40, 1)).astype("float32")
    check(lambda: fuse(awake(tiny(4, (33, 40, 1)))), slices, tmp_path, tflite=True)
