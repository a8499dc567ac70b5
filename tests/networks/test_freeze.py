import keras
import numpy as np
import pytest

from tfcovid.networks.freeze import freeze
from tfcovid.networks.res_dense import res_dense
from tfcovid.networks.resnet import resnet

BACKBONES = ("resnet10_compact", "resnet10_compact_2")


def stacked():
    return res_dense(2, (32, 32, 1), ("resnet10_compact", "resnet10_compact"), project="both")


@pytest.mark.parametrize(("layers", "frozen"), [(None, 44), (100, 44), (12, 12), (1, 1), (0, 0)])
def test_freezes_the_first_layers_of_every_backbone_and_nothing_else(layers, frozen):
    network = stacked()
    assert [len(network.get_layer(name).layers) for name in BACKBONES] == [44, 44]
    freeze(network, layers)
    for name in BACKBONES:
        trained = [layer.trainable for layer in network.get_layer(name).layers]
        assert trained == [False] * frozen + [True] * (44 - frozen)
    for name in ("resnet10_compact_project", "resnet10_compact_2_project", "disease"):
        assert len(network.get_layer(name).trainable_weights) == 2


def test_a_phase_forgets_the_one_before():
    network = stacked()
    at_first = len(network.trainable_weights)
    freeze(network, None)
    assert len(network.trainable_weights) == 6
    freeze(network, 0)
    assert len(network.trainable_weights) == at_first


def test_hundred_layers_are_those_of_keras_applications():
    with keras.StatelessScope(initialize_variables=False):
        network = res_dense(1)
        freeze(network, 100)
        counted = {
            name: build(include_top=False, weights=None).layers
            for name, build in (
                ("resnet101", keras.applications.ResNet101),
                ("densenet121", keras.applications.DenseNet121),
            )
        }
    keras.utils.clear_session()
    for name, layers in counted.items():
        here = network.get_layer(name).layers
        # Of the input and a padding Keras numbers the names.
        assert [type(layer) for layer in here] == [type(layer) for layer in layers]
        assert [layer.name for layer in here if layer.weights] == [layer.name for layer in layers if layer.weights]
        assert not any(layer.trainable for layer in here[:100])
        assert all(layer.trainable for layer in here[100:])


def test_without_nested_models_what_comes_before_the_features_is_the_backbone():
    network = resnet(2, (32, 32, 1), "resnet10_compact")
    freeze(network, None)
    assert [weight.path for weight in network.trainable_weights] == ["disease/kernel", "disease/bias"]
    # Input, scaling, padding, convolution and norm.
    freeze(network, 5)
    assert [layer.name for layer in network.layers if not layer.trainable][-2:] == ["conv1_conv", "conv1_bn"]
    assert next(weight.path for weight in network.trainable_weights) == "conv2_block1_1_conv/kernel"


def test_frozen_weights_and_statistics_stay_as_they_are_in_training():
    keras.utils.set_random_seed(0)
    network = stacked()
    freeze(network, 12)
    network.compile("sgd", "sparse_categorical_crossentropy")
    # The statistics of the norms among them.
    before = {name: [layer.get_weights() for layer in network.get_layer(name).layers] for name in BACKBONES}
    head = network.get_layer("disease").get_weights()
    generator = np.random.default_rng(0)
    network.fit(generator.uniform(size=(4, 32, 32, 1)), np.array([0, 1, 1, 0]), batch_size=4, verbose=0)

    for name in BACKBONES:
        moved = []
        for weights, layer in zip(before[name], network.get_layer(name).layers, strict=True):
            pairs = zip(weights, layer.get_weights(), strict=True)
            moved.append(any((one != other).any() for one, other in pairs) if weights else None)
        # The stem's convolution and norm, and the two of each in the first block.
        assert [one for one in moved[:12] if one is not None] == [False] * 6
        assert all(one for one in moved[12:] if one is not None)
    assert (network.get_layer("disease").get_weights()[0] != head[0]).all()


def test_refusals_name_the_fix():
    with pytest.raises(ValueError, match=r"0 or more, or None.*Received: layers=-1"):
        freeze(stacked(), -1)
    inputs = keras.Input((4,))
    plain = keras.Model(inputs, keras.layers.Dense(2)(inputs), name="plain")
    with pytest.raises(ValueError, match=r"named 'features'\. Received: plain"):
        freeze(plain, 3)
