import keras
import numpy as np
import pytest

from tfcovid.networks import RESNETS, resnet_stage, resnet_stem
from tfcovid.networks.resnet import ResNetVariant


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
        ("resnet10_compact", 309_696),
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
    assert variant.channels(4) == {"resnet10_compact": 128, "resnet18": 512, "resnet34": 512}.get(backbone, 2048)


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
