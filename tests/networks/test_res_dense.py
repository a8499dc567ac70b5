import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.keras_peers import keras_peer, shuffled, write_as_published
from tests.networks.settled import settled
from tfcovid.errors import InputError
from tfcovid.networks.arguments import embedding
from tfcovid.networks.res_dense import res_dense

# Two small trunks of different widths, 128 and 512 channels.
SMALL = ("resnet10_compact", "resnet18_timm")
TWICE = ("resnet10_compact", "resnet10_compact")


def counted(*arguments, **options):
    """The network by shapes alone, without memory for its weights."""
    with keras.StatelessScope(initialize_variables=False):
        network = res_dense(*arguments, **options)
    # Lest a later scope start the weights after all.
    keras.utils.clear_session()
    return network, sum(int(np.prod(weight.shape)) for weight in network.weights)


def nested(network):
    return [layer for layer in network.layers if isinstance(layer, keras.Model)]


def numpy(outputs):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        # Trunks of ResNet-101 and DenseNet-121, 1x1 convolution from 2048 to 1024, sigmoid on 1024.
        ({}, 42_658_176 + 7_037_504 + (2048 + 1) * 1024 + 1025),
        ({"classes": 2}, 42_658_176 + 7_037_504 + (2048 + 1) * 1024 + 2050),
        ({"project": "both"}, 42_658_176 + 7_037_504 + (2048 + 1 + 1024 + 1) * 1024 + 1025),
        ({"kernel": 3}, 42_658_176 + 7_037_504 + (9 * 2048 + 1) * 1024 + 1025),
        ({"pooling": "gem"}, 42_658_176 + 7_037_504 + (2048 + 1) * 1024 + 1025 + 1),
        # The other way round, DenseNet's branch is brought to ResNet's channels.
        ({"backbones": ("densenet121", "resnet101")}, 42_658_176 + 7_037_504 + (1024 + 1) * 2048 + 2049),
        # Future work of the paper; 1664 channels of DenseNet-169.
        ({"backbones": ("resnet101v2", "densenet169")}, 42_626_560 + 12_642_880 + (2048 + 1) * 1664 + 1665),
        # Of one width: no convolution. Twice the same: two backbones, not one shared.
        ({"backbones": ("resnet50", "resnet50v2")}, 23_587_712 + 23_564_800 + 2049),
        ({"backbones": ("densenet121",) * 3}, 3 * 7_037_504 + 1025),
    ],
)
def test_count_of_weights(options, weights):
    assert counted(**{"classes": 1} | options)[1] == weights


def test_maps_of_every_backbone_meet_at_a_stride_of_32():
    network, _ = counted(1)
    shapes = [network.get_layer(name).output.shape[1:] for name in ("resnet101_project", "add", "features", "disease")]
    assert shapes == [(8, 8, 1024), (8, 8, 1024), (1024,), (1,)]
    assert [tuple(one.shape[1:]) for one in network.get_layer("add").input] == [(8, 8, 1024)] * 2
    for sides in ((None, None, 1), (61, 62, 1), (224, 96, 3)):
        counted(1, sides)


def test_is_the_sum_of_its_branches():
    keras.utils.set_random_seed(0)
    network = res_dense(3, (64, 64, 3), SMALL, activation=None)
    slices = np.random.default_rng(0).uniform(size=(2, 64, 64, 3)).astype("float32")
    # In the words of the paper's figure 5: blue first, less the mean, and then over 127.5.
    pixels = (255 * slices[..., ::-1] - np.array([103.939, 116.779, 123.68])) / 127.5
    assert pixels.min() > -0.98 and pixels.max() < 1.2
    first, second = (numpy(one(pixels.astype("float32"))).astype("float64") for one in nested(network))
    kernel, bias = (one.astype("float64") for one in network.get_layer("resnet10_compact_project").get_weights())
    pooled = (first @ kernel[0, 0] + bias + second).mean((1, 2))
    kernel, bias = (one.astype("float64") for one in network.get_layer("disease").get_weights())
    np.testing.assert_allclose(numpy(network(slices)), pooled @ kernel + bias, rtol=1e-3, atol=1e-4)


def test_scaling_of_the_text_is_minus_one_to_one_and_then_less_the_mean():
    network = res_dense(3, (32, 32, 3), TWICE, scaling="text")
    slices = np.random.default_rng(0).uniform(size=(2, 32, 32, 3)).astype("float32")
    found = keras.Model(network.input, network.get_layer("imagenet").output)(slices)
    expected = (2 * slices[..., ::-1] - 1) - np.array([103.939, 116.779, 123.68])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_gem_pools_by_its_formula():
    network = res_dense(3, (64, 64, 1), TWICE, pooling="gem", project="both")
    slices = np.random.default_rng(0).uniform(size=(2, 64, 64, 1)).astype("float32")
    maps, pooled = numpy(
        keras.Model(network.input, [network.get_layer(name).output for name in ("add", "pool")])(slices)
    )
    expected = (np.maximum(maps.astype("float64"), 1e-6) ** 3).mean((1, 2)) ** (1 / 3)
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-6)


def test_a_backbone_takes_a_file_of_keras_applications(tmp_path):
    slices = np.random.default_rng(1).uniform(size=(4, 64, 64, 3)).astype("float32")
    pixels = keras.applications.resnet.preprocess_input(255 * slices) / 127.5
    peer = keras_peer("DenseNet121", pixels)
    file = write_as_published(peer, tmp_path / "notop.h5")
    network = res_dense(1, (64, 64, 1), ("resnet10_compact", "densenet121"), weights={"densenet121": file})
    np.testing.assert_allclose(
        numpy(network.get_layer("densenet121")(pixels)), numpy(peer(pixels)), rtol=1e-3, atol=1e-4
    )


def test_a_backbone_without_a_file_starts_at_random_and_other_channels_share_the_stem(tmp_path):
    source = keras.Model(*_trunk())
    source.save(tmp_path / "trunk.keras")
    network = res_dense(1, (64, 64, 2), SMALL, weights={"resnet10_compact": tmp_path / "trunk.keras"})
    kernel = network.get_layer("resnet10_compact").get_layer("conv1_conv").get_weights()[0]
    published = source.get_layer("conv1_conv").get_weights()[0]
    np.testing.assert_allclose(kernel, np.repeat(published.sum(2, keepdims=True) / 2, 2, axis=2), rtol=1e-5)


def _trunk():
    first, _ = nested(res_dense(1, (64, 64, 3), SMALL))
    return first.input, first.output


def test_a_saved_network_gives_all_but_its_head_to_one_with_other_classes(tmp_path):
    slices = np.random.default_rng(0).uniform(size=(2, 64, 64, 1)).astype("float32")
    source = res_dense(2, (64, 64, 1), TWICE, project="both")
    for backbone in nested(source):
        shuffled(backbone, np.random.default_rng(0).normal(size=(2, 64, 64, 3)))
    source.save(tmp_path / "stacked.keras")
    network = res_dense(3, (64, 64, 1), TWICE, project="both", weights=tmp_path / "stacked.keras")
    found, expected = numpy(embedding(network)(slices)), numpy(embedding(source)(slices))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_imagenet_out_of_reach(monkeypatch):
    build = keras.applications.DenseNet121

    def offline(weights, **options):
        if weights == "imagenet":
            raise Exception("URL fetch failure on https://weights.example: None -- Name or service not known")
        return build(weights=weights, **options)

    monkeypatch.setattr(keras.applications, "DenseNet121", offline)
    with pytest.raises(InputError, match=r"could not be downloaded; give the path.*URL fetch failure.*'imagenet'"):
        res_dense(1, (32, 32, 1), ("densenet121", "resnet10_compact"), weights="imagenet")


def test_a_file_of_another_backbone(tmp_path):
    source = keras.Model(*_trunk())
    source.save(tmp_path / "trunk.keras")
    with pytest.raises(InputError, match=r"another network.*resnet18_timm.*Received: .*trunk\.keras"):
        res_dense(1, (64, 64, 3), SMALL, weights={"resnet18_timm": tmp_path / "trunk.keras"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"backbones": ("resnet101", "densenet12")}, "Did you mean 'densenet121'.*Received: a backbone='densenet12'"),
        ({"backbones": ("resnet101",)}, r"two or more names. Received: backbones=\('resnet101',\)"),
        ({"backbones": "resnet101"}, "two or more names. Received: backbones='resnet101'"),
        ({"weights": {"resnet50": "file.h5"}}, "one of resnet10_compact, .*Received: .*'resnet50'"),
        ({"project": "all"}, "one of resnet, both.*Received: project='all'"),
        ({"pooling": "max"}, "one of avg, gem.*Received: pooling='max'"),
        ({"scaling": "caffe"}, "one of figure, text.*Received: scaling='caffe'"),
        ({"kernel": 2}, "odd number.*Received: kernel=2"),
        ({"input_shape": (64, 31, 1)}, r"32 or more.*Received: input_shape=\(64, 31, 1\)"),
        ({"input_shape": (64, 64)}, r"channels a number.*Received: input_shape=\(64, 64\)"),
        (
            {"input_shape": (80, 64, 1), "backbones": ("resnet10_compact", "densenet121")},
            r"maps differ.*\(96, 64\) would fit. Received: input_shape=\(80, 64, 1\)",
        ),
    ],
)
def test_refusals_name_the_fix(options, says):
    with pytest.raises(ValueError, match=says):
        res_dense(**{"classes": 1, "input_shape": (64, 64, 1), "backbones": TWICE} | options)


def settled_inside(network, slices):
    scaled = keras.Model(network.input, network.get_layer("rescale").output)(slices)
    for backbone in nested(network):
        settled(backbone, scaled)
    return network


@pytest.mark.parametrize(
    ("classes", "channels", "options"), [(4, 1, {"pooling": "gem"}), (1, 3, {"dropout": 0.2, "kernel": 3})]
)
def test_shared_check(classes, channels, options, tmp_path):
    shape = (96, 80, channels)
    slices = np.random.default_rng(0).uniform(size=(4, *shape)).astype("float32")
    options |= {"project": "both"}
    check(lambda: settled_inside(res_dense(classes, shape, TWICE, **options), slices), slices, tmp_path, tflite=True)


def test_two_families_whose_layers_have_the_same_names_are_saved_apart(tmp_path):
    slices = np.random.default_rng(0).uniform(size=(4, 64, 64, 1)).astype("float32")
    network = settled_inside(res_dense(1, (64, 64, 1), ("resnet18_timm", "densenet121"), kernel=3), slices)
    network.save(tmp_path / "stacked.keras")
    read = keras.saving.load_model(tmp_path / "stacked.keras")
    np.testing.assert_allclose(numpy(read(slices)), numpy(network(slices)), rtol=1e-5, atol=1e-6)
