import keras
import numpy as np
import pytest
from keras import layers

from tests.networks.settled import settled
from tfcovid.networks.fold import fold
from tfcovid.networks.resnet import resnet
from tfcovid.networks.strided_unet3d import StridedUNet3DVariant, strided_unet3d
from tfcovid.networks.unet3d import UNet3DVariant, unet3d


def inputs(network, seed=0):
    return np.random.default_rng(seed).uniform(size=(4, *network.input_shape[1:])).astype("float32")


def norms(network):
    return [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: unet3d(2, (4, 8, 8, 1), UNet3DVariant((4, 4)), dropout=0.1),
        lambda: strided_unet3d(3, (8, 8, 8, 2), StridedUNet3DVariant((4, 6))),
        lambda: resnet(2, (32, 32, 1), "resnet10_compact"),
    ],
)
def test_every_norm_behind_a_convolution_goes_and_the_result_stays(make, tmp_path):
    keras.utils.set_random_seed(0)
    network = make()
    settled(network, inputs(network, seed=1))
    generator = np.random.default_rng(2)
    for norm in norms(network):
        gamma, beta, mean, variance = norm.get_weights()
        norm.set_weights([generator.uniform(0.7, 1.3, gamma.shape), generator.normal(size=beta.shape), mean, variance])
    folded = fold(network)
    assert norms(network) and not norms(folded)
    assert [layer.name for layer in folded.layers] == [layer.name for layer in network.layers]
    expected = np.asarray(network(inputs(network)))
    assert expected.std() > 1e-3
    np.testing.assert_allclose(folded(inputs(network)), expected, rtol=1e-4, atol=1e-5)
    folded.save(tmp_path / "folded.keras")
    np.testing.assert_allclose(
        keras.saving.load_model(tmp_path / "folded.keras")(inputs(network)), folded(inputs(network))
    )


def test_a_norm_stays_where_the_convolution_is_read_before_it():
    volume = keras.Input((4, 4, 1))
    read_twice = layers.Conv2D(2, 3, padding="same", name="read_twice")(volume)
    activated = layers.Conv2D(2, 3, padding="same", activation="relu")(volume)
    outputs = [layers.BatchNormalization()(read_twice), read_twice, layers.BatchNormalization()(activated)]
    network = settled(keras.Model(volume, outputs), inputs(keras.Model(volume, outputs)))
    folded = fold(network)
    assert len(norms(folded)) == 2
    for found, expected in zip(folded(inputs(network)), network(inputs(network)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("slope, kind", [(0.3, layers.LeakyReLU), (-0.2, layers.PReLU)])
def test_a_prelu_of_one_slope_becomes_leaky_unless_the_slope_is_negative(slope, kind):
    volume = keras.Input((4, 4, 3))
    network = keras.Model(volume, layers.PReLU(shared_axes=[1, 2, 3], name="act")(volume))
    network.get_layer("act").set_weights([np.full((1, 1, 1), slope)])
    folded = fold(network)
    assert type(folded.get_layer("act")) is kind
    seen = inputs(network) - 0.5
    np.testing.assert_allclose(folded(seen), network(seen), rtol=1e-6)
