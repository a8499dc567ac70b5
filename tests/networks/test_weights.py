from functools import partial

import keras
import numpy as np
import pytest

from tests.parity import report
from tfcovid import InputError
from tfcovid.networks import m3lung_slice

SHAPE = (64, 64, 1)
F3_CHANNELS = 1024


def compact(**options):
    return m3lung_slice(3, SHAPE, "resnet10_compact", **options)


def shuffled(model, seed=0):
    """Weights that are no start values: biases and norms off zero and one, and tame through a hundred layers."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            # The last norm of a block is weak, or a hundred layers would outgrow float32.
            gamma = generator.uniform(0.1, 0.3, size) if "_3_bn" in layer.name else generator.uniform(0.5, 1.5, size)
            beta, mean = generator.normal(0, 0.2, size), generator.normal(0, 0.2, size)
            layer.set_weights([gamma, beta, mean, generator.uniform(0.5, 1.5, size)])
        elif layer.weights:
            kernel, *bias = layer.get_weights()
            layer.set_weights([kernel, *(generator.normal(0, 0.1, one.shape) for one in bias)])
    return model


@pytest.mark.parametrize(
    ("backbone", "build", "trunk_weights"),
    [
        ("resnet50", keras.applications.ResNet50, 23_587_712),
        pytest.param("resnet101", keras.applications.ResNet101, 42_658_176, marks=pytest.mark.slow),
    ],
)
def test_bottleneck_trunk_equals_keras_applications(backbone, build, trunk_weights, tmp_path):
    peer = shuffled(build(include_top=False, weights=None, input_shape=(64, 64, 3)))
    assert peer.count_params() == trunk_weights
    file = tmp_path / "trunk.weights.h5"
    peer.save_weights(file)
    network = m3lung_slice(4, SHAPE, backbone, weights=str(file))

    slices = np.random.default_rng(1).uniform(size=(2, *SHAPE)).astype("float32")
    pixels = keras.applications.resnet.preprocess_input(255 * np.repeat(slices, 3, axis=-1))
    f3 = [layer.name for layer in peer.layers if layer.name.startswith("conv4_") and layer.name.endswith("_out")][-1]
    f3, f4 = keras.Model(peer.input, [peer.get_layer(f3).output, peer.output])(pixels)
    expected = np.concatenate([np.asarray(f3).mean(axis=(1, 2)), np.asarray(f4).mean(axis=(1, 2))], axis=-1)
    assert expected.std() > 0.05
    found = network(slices)["features"]
    report(f"m3lung_slice features, {backbone}", "keras.applications", found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)

    for name in ("conv5_block1_0_conv", "conv5_block1_1_conv"):
        kernel, there = network.get_layer(name).get_weights()[0], peer.get_layer(name).get_weights()[0]
        assert kernel.shape[2] == F3_CHANNELS + 4
        np.testing.assert_array_equal(kernel[:, :, :F3_CHANNELS], there)
        assert not kernel[:, :, F3_CHANNELS:].any()


def test_a_saved_network_gives_its_trunk_to_one_with_other_classes(tmp_path):
    source = shuffled(m3lung_slice(2, SHAPE, "resnet10_compact", multi_task=False, attention=False, coordinates=False))
    source.save(tmp_path / "plain.keras")
    network = compact(weights=str(tmp_path / "plain.keras"))
    slices = np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")
    np.testing.assert_allclose(network(slices)["features"], source(slices)["features"], rtol=1e-4, atol=1e-5)
    assert network(slices)["disease"].shape == (2, 3)


@pytest.mark.parametrize("name", ["missing.keras", "missing.weights.h5"])
def test_no_such_file(name, tmp_path):
    with pytest.raises(InputError, match=rf"no such weights file.*Received: weights='.*{name}'"):
        m3lung_slice(3, SHAPE, weights=str(tmp_path / name))


def test_a_file_of_something_else(tmp_path):
    (tmp_path / "notes.keras").write_text("not a network")
    with pytest.raises(InputError, match=r"do not fit.*Received: weights='.*notes\.keras'"):
        compact(weights=str(tmp_path / "notes.keras"))


def test_a_network_with_other_layers(tmp_path):
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(2, name="elsewhere")(inputs)).save(tmp_path / "other.keras")
    with pytest.raises(InputError, match=r"another network.*Received: .*other\.keras"):
        compact(weights=str(tmp_path / "other.keras"))


def test_a_network_that_shares_only_its_first_stages(tmp_path):
    """Names and shapes agree up to where the smaller network ends; a half-filled trunk must not pass for a whole."""
    smaller = keras.Sequential([compact().get_layer("conv1_conv"), compact().get_layer("conv1_bn")])
    smaller.build((None, 64, 64, 3))
    smaller.save(tmp_path / "stem.keras")
    with pytest.raises(InputError, match=r"another network.*conv2_block1_1_conv.*Received: .*stem\.keras"):
        compact(weights=str(tmp_path / "stem.keras"))


def test_a_trunk_of_another_width(tmp_path):
    compact(coordinates=False).save(tmp_path / "narrow.keras")
    plain = {"multi_task": False, "attention": False, "coordinates": False}
    with pytest.raises(InputError, match=r"another network.*conv5_block1_.*expected \(3, 3, 64, 128\)"):
        compact(**plain, weights=str(tmp_path / "narrow.keras"))


def test_weights_of_a_file_that_does_not_fit_resnet50(tmp_path):
    compact().save_weights(tmp_path / "compact.weights.h5")
    with pytest.raises(InputError, match=r"do not fit.*Received: weights='.*compact\.weights\.h5'"):
        m3lung_slice(3, SHAPE, weights=str(tmp_path / "compact.weights.h5"))


def test_imagenet_for_a_backbone_that_has_none():
    with pytest.raises(InputError, match=r"resnet10_compact has no published weights.*Received: weights='imagenet'"):
        compact(weights="imagenet")


def test_imagenet_out_of_reach(monkeypatch):
    def offline(**_):
        raise Exception("URL fetch failure on https://weights.example: None -- Name or service not known")

    monkeypatch.setattr(keras.applications, "ResNet50", offline)
    with pytest.raises(InputError, match=r"could not be downloaded; give the path.*URL fetch failure.*'imagenet'"):
        m3lung_slice(3, SHAPE, weights="imagenet")


def test_each_of_k_channels_gets_its_share_of_the_stem(tmp_path):
    """Five neighbouring slices that all show the same look, through the stem, as the one slice did."""
    build = partial(m3lung_slice, 3, backbone="resnet10_compact", multi_task=False, attention=False)
    colour = shuffled(build((64, 64, 3)))
    colour.save(tmp_path / "colour.keras")
    kernel, bias = colour.get_layer("conv1_conv").get_weights()
    stack = build((64, 64, 5), weights=str(tmp_path / "colour.keras"))
    spread = stack.get_layer("conv1_conv").get_weights()
    assert spread[0].shape[2] == 5
    np.testing.assert_allclose(spread[0].sum(axis=2), kernel.sum(axis=2), rtol=1e-5)
    np.testing.assert_array_equal(spread[1], bias)
    np.testing.assert_array_equal(spread[0][:, :, 0], spread[0][:, :, 4])


def test_a_pytorch_checkpoint_is_sent_to_the_converter(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"`tfcovid weights convert` first.*model\.safetensors"):
        compact(weights=str(tmp_path / "model.safetensors"))
