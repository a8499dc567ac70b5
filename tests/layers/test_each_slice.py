import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import EachSlice


@pytest.fixture
def scans():
    return np.random.default_rng(0).normal(size=(2, 3, 4, 5, 2)).astype("float32")


def network(dropout=0.0):
    """Two outputs of different rank from pictures of any size."""
    inputs = keras.Input((None, None, 2))
    picture = keras.layers.Conv2D(3, 3, padding="same")(inputs)
    pooled = keras.layers.Dropout(dropout)(keras.layers.GlobalAveragePooling2D()(picture))
    return keras.Model(inputs, {"picture": picture, "pooled": pooled})


def test_equals_slice_by_slice(scans):
    slice_network = network()
    found = EachSlice(slice_network)(scans)
    for scan in range(2):
        alone = slice_network(scans[scan])
        for name in ("picture", "pooled"):
            np.testing.assert_allclose(found[name][scan], alone[name], rtol=1e-5, atol=1e-6)


def test_training_reaches_the_network(scans):
    layer = EachSlice(network(dropout=0.5))
    calm, once = (keras.ops.convert_to_numpy(layer(scans, training=one)["pooled"]) for one in (False, True))
    assert (once == 0).any()
    assert (calm != 0).all()


def test_the_weights_are_those_of_the_network():
    slice_network = network()
    layer = EachSlice(slice_network)
    assert [weight.path for weight in layer.trainable_weights] == [
        weight.path for weight in slice_network.trainable_weights
    ]


def test_shared_check(tmp_path, scans):
    def make():
        inputs = keras.Input((None, None, None, 2), name="slices")
        return keras.Model(inputs, EachSlice(network())(inputs))

    check(make, scans, tmp_path)
