import keras
import numpy as np
import pytest

from tfcovid.explain import feature_map, feature_maps
from tfcovid.networks import m3lung_slice, res_dense, resnet


def test_layers_with_places_are_listed_in_order():
    found = feature_maps(resnet(2, (64, 64, 1), "resnet10_compact"))
    assert [*found][:1] == ["imagenet"] and [*found][-1:] == ["conv5_block1_out"]
    assert found["conv1_conv"] == (None, 32, 32, 16) and "pool" not in found and "slice" not in found


def test_layers_of_a_network_inside_the_network_are_reached():
    network = res_dense(2, (64, 64, 1), ("resnet10_compact", "resnet18"))
    found = feature_maps(network)
    assert list(found)[-1] == "add" and found["resnet18/conv2_block1_out"] == (None, None, None, 64)
    slices = np.random.default_rng(0).random((1, 64, 64, 1), "float32")
    whole = keras.Model(network.input, feature_map(network, "resnet18/conv5_block2_out"))(slices)
    np.testing.assert_allclose(whole, keras.Model(network.input, feature_map(network, "resnet18"))(slices), rtol=1e-5)


def test_each_map_of_a_layer_with_several_has_a_number():
    found = feature_maps(m3lung_slice(3, (64, 64, 1), "resnet10_compact"))
    assert found["prototypes:0"] == found["prototypes:1"] == (None, 4, 4, 1)


def test_an_unknown_layer_is_named_with_those_near_it():
    with pytest.raises(ValueError, match=r"Near: conv1_.*Received: layer='conv1'"):
        feature_map(resnet(2, (64, 64, 1), "resnet10_compact"), "conv1")
