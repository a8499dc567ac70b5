from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tfcovid import InputError
from tfcovid.networks.attention_unet import ATTENTION_UNETS, AttentionUNetVariant, attention_maps, attention_unet
from tfcovid.networks.efficientnet import efficientnet

TINY = AttentionUNetVariant((4, 6, 8))
SHAPE = (16, 24, 1)


@pytest.fixture
def slices():
    return np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")


@pytest.mark.parametrize(
    ("variant", "weights"), [("attention_unet", 33_209_062), ("attention_unet_compact", 1_806_702)]
)
def test_count_of_weights(variant, weights):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = attention_unet(variant=variant)
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in network.weights) == weights
    assert network.output.shape == (None, 256, 256, 1)
    poolings = [layer for layer in network.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    ups = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert len(poolings) == len(ups) == 5
    assert [network.get_layer(f"gate{level}").channels for level in range(1, 6)] == [
        *ATTENTION_UNETS[variant].widths[:5]
    ]


def test_the_one_on_efficientnet_lite_starts_its_encoder_from_imagenet(tmp_path):
    network = attention_unet(1, (64, 96, 1), "attention_unet_lite0", weights="imagenet")
    assert network.count_params() == 2_934_485
    slices = np.random.default_rng(0).uniform(size=(1, 64, 96, 1)).astype("float32")
    classifier = efficientnet(2, (64, 96, 1), "efficientnet_lite0", weights="imagenet")
    # What every gate takes, from strides of 2 to 16, and the bottom.
    for name in ("block1a_project_bn", "block2b_add", "block3b_add", "block5c_add", "block6d_add"):
        ours, theirs = (keras.Model(one.input, one.get_layer(name).output)(slices) for one in (network, classifier))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    network.save(tmp_path / "infection.keras")
    again = attention_unet(1, (64, 96, 1), "attention_unet_lite0", weights=tmp_path / "infection.keras")
    np.testing.assert_allclose(again(slices), network(slices), rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in network.layers if layer.name.startswith("gate")] == [
        "gate5",
        "gate4",
        "gate3",
        "gate2",
    ]


def test_the_compact_one_fits_in_8_megabytes(tmp_path):
    attention_unet(variant="attention_unet_compact").save(tmp_path / "lungs.keras")
    assert (tmp_path / "lungs.keras").stat().st_size < 8e6


def test_one_class_is_a_probability_and_several_share_one(slices):
    one, three = attention_unet(1, SHAPE, TINY), attention_unet(3, SHAPE, TINY)
    assert one(slices).shape == (2, 16, 24, 1)
    logits = attention_unet(1, SHAPE, TINY, activation=None)
    logits.set_weights(one.get_weights())
    np.testing.assert_allclose(one(slices), 1 / (1 + np.exp(-np.asarray(logits(slices)))), rtol=1e-4)
    np.testing.assert_allclose(np.asarray(three(slices)).sum(axis=-1), 1, rtol=1e-5)


def test_what_a_gate_lets_through_can_be_shown(slices):
    network = attention_unet(1, SHAPE, TINY)
    gate = network.get_layer("gate2")
    gate.psi.set_weights([0 * gate.psi.get_weights()[0], np.array([2.0])])
    maps = attention_maps(network)(slices)
    assert {name: one.shape for name, one in maps.items()} == {"gate1": (2, 16, 24, 1), "gate2": (2, 8, 12, 1)}
    np.testing.assert_allclose(maps["gate2"], 1 / (1 + np.exp(-2)), rtol=1e-5)
    assert np.asarray(maps["gate1"]).std() > 0.001
    with pytest.raises(ValueError, match=r"no attention gate.*Received: network='attention_unet'"):
        attention_maps(attention_unet(1, SHAPE, replace(TINY, gates=())))


def test_a_closed_gate_leaves_the_coarser_features_alone(slices):
    network = attention_unet(1, SHAPE, replace(TINY, gates=(1,)))
    psi = network.get_layer("gate1").psi
    psi.set_weights([0 * psi.get_weights()[0], np.array([-100.0])])
    # Level 1 up is the only way out: with its skip connection shut and its up-convolution too, nothing comes.
    up = network.get_layer("up1")
    up.set_weights([0 * weight for weight in up.get_weights()])
    joined = keras.Model(network.input, network.get_layer("join1").output)(slices)
    np.testing.assert_allclose(joined, 0, atol=1e-30)
    assert "gate2" not in [layer.name for layer in network.layers]


@pytest.mark.parametrize("gate_stride", [1, 2])
def test_any_slice_whose_sides_fit_and_any_channels(gate_stride, slices):
    row = replace(TINY, gate_stride=gate_stride)
    for channels in (1, 2, 3):
        network = attention_unet(2, (None, None, channels), row)
        assert network(np.repeat(slices, channels, axis=-1)).shape == (2, 16, 24, 2)
        assert network(np.zeros((1, 8, 4, channels), "float32")).shape == (1, 8, 4, 2)


def test_weights_of_lungs_start_a_network_of_other_classes_and_channels(slices, tmp_path):
    lungs = settled(attention_unet(1, SHAPE, TINY), slices)
    lungs.save(tmp_path / "lungs.keras")
    lesions = attention_unet(4, (16, 24, 3), TINY, weights=tmp_path / "lungs.keras")

    def before_the_mask(network):
        return keras.Model(network.input, network.get_layer("decode1_relu2").output)

    expected = before_the_mask(lungs)(slices)
    assert np.asarray(expected).std() > 0.1
    found = before_the_mask(lesions)(np.repeat(slices, 3, axis=-1))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert lesions(np.repeat(slices, 3, axis=-1)).shape == (2, 16, 24, 4)
    again = attention_unet(1, SHAPE, TINY, weights=tmp_path / "lungs.keras")
    np.testing.assert_allclose(again(slices), lungs(slices), rtol=1e-5, atol=1e-6)


def test_dropout_is_for_training(slices):
    network = attention_unet(1, SHAPE, TINY, dropout=0.5)
    bottom = keras.Model(network.input, network.get_layer("dropout").output)
    np.testing.assert_array_equal(bottom(slices), bottom(slices))
    assert (np.asarray(bottom(slices, training=True)) == 0).mean() > 0.4


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"variant": "atention_unet"}, ValueError, "Did you mean 'attention_unet'.*Received: variant='atention_unet'"),
        ({"input_shape": (250, 256, 1)}, ValueError, r"divide by 32: \(256, 256, 1\) would fit.*\(250, 256, 1\)"),
        ({"input_shape": (256, 256)}, ValueError, r"\(height, width, channels\).*input_shape=\(256, 256\)"),
        ({"classes": 0}, ValueError, "Received: classes=0"),
        (
            {"variant": AttentionUNetVariant((4, 6, 8), gates=(1, 3)), "input_shape": SHAPE},
            ValueError,
            r"levels 1 to 2. Received: gates=\(1, 3\)",
        ),
        (
            {"variant": replace(TINY, encoder="efficientnet_lite9"), "input_shape": SHAPE},
            ValueError,
            "Did you mean 'efficientnet_lite.'.*Received: encoder='efficientnet_lite9'",
        ),
        ({"weights": "imagenet", "variant": TINY, "input_shape": SHAPE}, InputError, "no published weights"),
    ],
)
def test_refusals_name_the_fix(options, error, says):
    with pytest.raises(error, match=says):
        attention_unet(**options)


@pytest.mark.parametrize("options", [{}, {"gates": (2,), "gate_stride": 1, "normalised": True}])
def test_shared_check(options, tmp_path, slices):
    # One width: JAX compiles a start for each shape of kernel.
    row = AttentionUNetVariant((4, 4, 4), **options)
    check(lambda: settled(attention_unet(1, SHAPE, row), slices), slices, tmp_path, tflite=True)
