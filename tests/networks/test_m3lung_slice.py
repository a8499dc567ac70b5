import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tfcovid.networks import m3lung_slice

SHAPE = (64, 64, 1)
ABLATIONS = [
    # multi_task, attention, coordinates, channels that stage 4 gets beside F3
    (False, False, False, 0),
    (True, False, False, 0),
    (True, True, False, 1),
    (True, True, True, 4),
    (True, False, True, 3),
    (False, False, True, 3),
]


def compact(**options):
    return m3lung_slice(4, **{"input_shape": SHAPE, "backbone": "resnet10_compact"} | options)


@pytest.fixture
def slices():
    return np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")


@pytest.mark.parametrize(
    ("backbone", "options", "weights"),
    [
        ("resnet50", {}, 23_608_198),
        # The paper's ablations: the published trunk and a classifier, then the classifier of F3, then its map.
        ("resnet50", {"multi_task": False, "attention": False, "coordinates": False}, 23_587_712 + 8_196),
        ("resnet50", {"attention": False, "coordinates": False}, 23_587_712 + 8_196 + 2_050),
        ("resnet50", {"coordinates": False}, 23_587_712 + 8_196 + 2_050 + 2_048 + 512),
        ("resnet101", {}, 42_678_662),
        ("resnet10_compact", {}, 316_902),
    ],
)
def test_count_of_weights(backbone, options, weights):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = m3lung_slice(4, backbone=backbone, **options)
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in network.weights) == weights
    assert network.output["features"].shape == (None, {"resnet10_compact": 192}.get(backbone, 3072))


@pytest.mark.parametrize(("multi_task", "attention", "coordinates", "extra"), ABLATIONS)
def test_every_ablation_has_the_outputs_it_documents(multi_task, attention, coordinates, extra, slices):
    network = settled(compact(multi_task=multi_task, attention=attention, coordinates=coordinates), slices)
    outputs = network(slices)
    shapes = {"disease": (2, 4), "features": (2, 64 + 128)}
    if multi_task:
        shapes |= {"lesion": (2, 2), "lesion_map": (2, 4, 4, 1)}
    assert {name: tuple(output.shape) for name, output in outputs.items()} == shapes
    for name in {"disease", "lesion"} & set(outputs):
        np.testing.assert_allclose(np.asarray(outputs[name]).sum(axis=-1), 1, rtol=1e-5)
    assert network.get_layer("conv5_block1_1_conv").kernel.shape[2] == 64 + extra


def test_stage_4_sees_the_features_the_attention_and_the_coordinates(slices):
    network = compact()
    joined = keras.Model(network.input, network.get_layer("f3_lesion_coordinates").output)(slices)
    f3 = keras.Model(network.input, network.get_layer("conv4_block1_out").output)(slices)
    np.testing.assert_array_equal(joined[..., :64], f3)
    attention = np.asarray(joined[..., 64])
    np.testing.assert_allclose([attention.min(axis=(1, 2)), attention.max(axis=(1, 2))], [[0, 0], [1, 1]], atol=1e-6)
    np.testing.assert_allclose(joined[0, 0, :, 65], [-1, -1 / 3, 1 / 3, 1], rtol=1e-5)
    np.testing.assert_allclose(joined[0, :, 0, 66], [-1, -1 / 3, 1 / 3, 1], rtol=1e-5)
    np.testing.assert_allclose(joined[0, 0, 0, 67], 2**0.5, rtol=1e-5)
    outputs = network(slices)
    np.testing.assert_allclose(outputs["features"][:, :64], np.asarray(f3).mean(axis=(1, 2)), rtol=1e-5)


def test_one_channel_is_three_times_the_same(slices):
    grey, colour = settled(compact(), slices), compact(input_shape=(64, 64, 3))
    colour.set_weights(grey.get_weights())
    repeated = colour(np.repeat(slices, 3, axis=-1))
    for name, output in grey(slices).items():
        np.testing.assert_allclose(output, repeated[name], rtol=1e-5, atol=1e-6)


def test_dropout_stays_out_of_the_features(slices):
    keras.utils.set_random_seed(0)
    network = settled(compact(dropout=0.5), slices)
    # Norms in training follow the batch: frozen, only the dropout is left to differ.
    for layer in network.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    once, calm = network(slices, training=True), network(slices, training=False)
    np.testing.assert_allclose(once["features"], calm["features"], rtol=1e-5)
    assert np.abs(np.asarray(once["disease"]) - np.asarray(calm["disease"])).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"backbone": "vgg16"}, "backbone is one of resnet10_compact, .*resnet101.*Received: backbone='vgg16'"),
        ({"multi_task": False}, "attention needs multi_task"),
        ({"input_shape": (64, 64)}, r"\(height, width, channels\).*Received: input_shape=\(64, 64\)"),
        ({"distance": "cityblock"}, "Received: distance='cityblock'"),
    ],
)
def test_refusals_name_the_fix(options, says):
    with pytest.raises(ValueError, match=says):
        compact(**options)


def test_shared_check(tmp_path, slices):
    check(lambda: settled(compact(), slices), slices, tmp_path)
