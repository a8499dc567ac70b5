import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.keras_peers import keras_peer, write_as_published
from tests.networks.settled import settled
from tests.parity import report
from tfcovid.networks.arguments import embedding
from tfcovid.networks.resnet import RESNETS, ResNetVariant, resnet, resnet_stage, resnet_stem

TINY_BOTTLENECK = ResNetVariant((1, 1, 1, 1), True, 8, stride_in_3x3=True, bias=False, epsilon=1e-5, convention="torch")


def trunk(variant, size=64):
    """The stem and the four stages, the output of each."""
    inputs = keras.Input((size, size, 3))
    outputs = [resnet_stem(inputs, variant)]
    for stage in (1, 2, 3, 4):
        outputs.append(resnet_stage(outputs[-1], variant, stage))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("backbone", "weights"),
    [
        # Torchvision's 11,176,512 and 21,284,672, and the 960 biases of the stem's and the shortcuts' convolutions.
        ("resnet18", 11_177_472),
        ("resnet34", 21_285_632),
        # Those of keras.applications, less its norms' statistics.
        ("resnet50", 23_534_592),
        ("resnet101", 42_552_832),
        ("resnet10_compact", 309_696),
        # Torchvision's 11,689,512, 21,797,672, 25,557,032 and 44,549,160 less the head for 1000 classes.
        ("resnet18_timm", 11_176_512),
        ("resnet34_timm", 21_284_672),
        ("resnet50_timm", 23_508_032),
        ("resnet101_timm", 42_500_160),
    ],
)
def test_trainable_weights_of_the_trunk(backbone, weights):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        model = trunk(RESNETS[backbone])
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == weights


@pytest.mark.parametrize("backbone", RESNETS)
def test_channels_and_strides_of_the_stages(backbone):
    variant = RESNETS[backbone]
    with keras.StatelessScope(initialize_variables=False):
        stem, *stages = trunk(variant).outputs
    keras.utils.clear_session()
    assert stem.shape == (None, 16, 16, variant.width)
    assert [stage.shape[1:] for stage in stages] == [
        (side, side, variant.channels(stage)) for stage, side in ((1, 16), (2, 8), (3, 4), (4, 2))
    ]
    channels = {"resnet10_compact": 128, "resnet18": 512, "resnet34": 512}
    assert variant.channels(4) == channels.get(backbone.removesuffix("_timm"), 2048)


def convolve(x, kernel, stride):
    """A convolution of `(height, width, channels)` in float64 with a border of zeros on both sides alike."""
    border = kernel.shape[0] // 2
    x = np.pad(x, [(border, border), (border, border), (0, 0)])
    side = len(kernel)
    return np.array(
        [
            [
                np.einsum("hwc,hwcd->d", x[row : row + side, column : column + side], kernel)
                for column in range(0, x.shape[1] - side + 1, stride)
            ]
            for row in range(0, x.shape[0] - side + 1, stride)
        ]
    )


@pytest.mark.parametrize("stage", [1, 2])
def test_basic_block_equals_its_formula(stage):
    """Of published weights none is at hand for ResNet-18: its block is checked against plain NumPy."""
    variant = ResNetVariant((1, 1, 1, 1), bottleneck=False, width=2)
    inputs = keras.Input((6, 6, 2))
    model = keras.Model(inputs, resnet_stage(inputs, variant, stage))
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.2, 1, weight.shape) for weight in model.weights])
    x = generator.normal(size=(6, 6, 2))

    def part(x, number, stride=1):
        conv, norm = (model.get_layer(f"conv{stage + 1}_block1_{number}_{kind}") for kind in ("conv", "bn"))
        x = convolve(x, np.asarray(conv.kernel, "float64"), stride) + (np.asarray(conv.bias) if conv.use_bias else 0)
        gamma, beta, mean, variance = (np.asarray(weight, "float64") for weight in norm.weights)
        return gamma * (x - mean) / np.sqrt(variance + 1.001e-5) + beta

    shortcut = x if stage == 1 else part(x, 0, 2)
    expected = np.maximum(shortcut + part(np.maximum(part(x, 1, stage), 0), 2), 0)
    assert (expected > 0).any()
    np.testing.assert_allclose(model(x[None].astype("float32"))[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("variant", "peer"), [("resnet50", "ResNet50"), pytest.param("resnet101", "ResNet101", marks=pytest.mark.slow)]
)
def test_equals_keras_applications(variant, peer, tmp_path):
    slices = np.random.default_rng(1).uniform(size=(4, 64, 64, 3)).astype("float32")
    model = keras_peer(peer, keras.applications.resnet.preprocess_input(255 * slices))
    file = write_as_published(model, tmp_path / "trunk.h5")
    network = embedding(resnet(3, (None, None, 3), variant, weights=file))
    # An odd side shows on which end of it a stride pads.
    for images in (slices, slices[:2, :61, :39]):
        pixels = keras.applications.resnet.preprocess_input(255 * images)
        expected = np.mean(keras.ops.convert_to_numpy(model(pixels)), axis=(1, 2))
        found = keras.ops.convert_to_numpy(network(images))
        report(f"{variant} features, {images.shape[1:3]}", "keras.applications", found, expected)
        assert expected.std() > 0.05
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_dropout_is_in_the_head_alone():
    keras.utils.set_random_seed(0)
    slices = np.random.default_rng(0).uniform(size=(4, 32, 32, 1)).astype("float32")
    network = settled(resnet(4, (32, 32, 1), "resnet10_compact", dropout=0.5), slices)
    # Norms in training follow the batch: frozen, only the dropout is left to differ.
    for layer in network.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    both = keras.Model(network.input, [network.get_layer("features").output, network.output])
    (features, once), (same, calm) = both(slices, training=True), both(slices, training=False)
    np.testing.assert_allclose(features, same, rtol=1e-5)
    assert np.abs(keras.ops.convert_to_numpy(once - calm)).max() > 1e-3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"variant": "resnet18_tim"}, r"Did you mean 'resnet18_timm'\?.*Received: variant='resnet18_tim'"),
        ({"input_shape": (64, 64)}, r"channels a number.*Received: input_shape=\(64, 64\)"),
        ({"classes": 0}, "from 1 up.*Received: classes=0"),
    ],
)
def test_refusals_name_the_fix(change, says):
    with pytest.raises(ValueError, match=says):
        resnet(**{"classes": 2, "input_shape": (64, 64, 1), "variant": "resnet10_compact"} | change)


@pytest.mark.parametrize(("variant", "classes", "channels"), [("resnet10_compact", 4, 1), ("tiny", 1, 3)])
def test_shared_check(variant, classes, channels, tmp_path, monkeypatch):
    monkeypatch.setitem(RESNETS, "tiny", TINY_BOTTLENECK)
    # Smaller sides leave the last norms a handful of pixels to settle on, and half precision far off.
    slices = np.random.default_rng(0).uniform(size=(4, 96, 80, channels)).astype("float32")
    check(lambda: settled(resnet(classes, (96, 80, channels), variant), slices), slices, tmp_path, tflite=True)
