import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.keras_peers import keras_peer, write_as_published
from tests.networks.settled import settled
from tests.parity import report
from tfcovid.networks.arguments import embedding
from tfcovid.networks.densenet import DENSENETS, densenet


@pytest.mark.parametrize(
    ("variant", "trainable"),
    # timm's parameters with 1000 classes.
    [("densenet121", 7_978_856), ("densenet169", 14_149_480), ("densenet201", 20_013_928)],
)
def test_count_of_weights(variant, trainable):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = densenet(1000, (224, 224, 3), variant)
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == trainable


def test_trunk_has_the_weights_of_keras_applications():
    with keras.StatelessScope(initialize_variables=False):
        network = embedding(densenet(2))
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in network.weights) == 7_037_504


@pytest.mark.parametrize(
    "variant",
    [
        "densenet121",
        pytest.param("densenet169", marks=pytest.mark.slow),
        pytest.param("densenet201", marks=pytest.mark.slow),
    ],
)
def test_equals_keras_applications(variant, tmp_path):
    slices = np.random.default_rng(1).uniform(size=(4, 64, 64, 3)).astype("float32")
    model = keras_peer(DENSENETS[variant], keras.applications.densenet.preprocess_input(255 * slices))
    file = write_as_published(model, tmp_path / "trunk.h5")
    network = embedding(densenet(3, (None, None, 3), variant, weights=file))
    for images in (slices, slices[:2, :61, :39]):
        expected = model(keras.applications.densenet.preprocess_input(255 * images))
        expected = np.mean(keras.ops.convert_to_numpy(expected), axis=(1, 2))
        found = keras.ops.convert_to_numpy(network(images))
        report(f"{variant} features, {images.shape[1:3]}", "keras.applications", found, expected)
        assert expected.std() > 0.1
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"variant": "densenet112"}, r"Did you mean 'densenet121'\?.*Received: variant='densenet112'"),
        ({"input_shape": (64, 64)}, r"channels a number.*Received: input_shape=\(64, 64\)"),
        ({"classes": 0}, "from 1 up.*Received: classes=0"),
    ],
)
def test_refusals_name_the_fix(change, says):
    with pytest.raises(ValueError, match=says):
        densenet(**{"classes": 2, "input_shape": (64, 64, 1)} | change)


# Of its 430 layers each is checked many times: minutes.
@pytest.mark.slow
@pytest.mark.parametrize(("classes", "channels"), [(4, 1), (1, 3)])
def test_shared_check(classes, channels, tmp_path):
    # Smaller sides leave the last norms a handful of pixels to settle on, and float32 itself far off.
    slices = np.random.default_rng(0).uniform(size=(4, 96, 80, channels)).astype("float32")
    check(lambda: settled(densenet(classes, (96, 80, channels)), slices), slices, tmp_path, tflite=True)
