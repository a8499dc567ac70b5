from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tests.parity import report
from tfcovid import InputError
from tfcovid.networks.resnet3d import RESNETS_3D, ResNet3DVariant, resnet3d

# A stem of stride 1 leaves more than one voxel to the last norms, which a settled network needs.
TINY = ResNet3DVariant((1, 1, 1, 1), bottleneck=False, width=4, stem_stride=1)
TINY_BOTTLENECK = ResNet3DVariant((1, 1, 2, 1), bottleneck=True, width=8, stem_stride=1)
SHAPE = (8, 32, 32, 1)


def scans(shape, samples):
    """Blocks of one brightness, as noise would look the same everywhere after the first convolution."""
    *sides, channels = shape
    coarse = np.random.default_rng(0).uniform(size=(samples, *(-(-side // 4) for side in sides), channels))
    fine = np.kron(coarse, np.ones((1, 4, 4, 4, 1)))
    return fine[:, : sides[0], : sides[1], : sides[2]].astype("float32")


@pytest.fixture
def volumes():
    return scans(SHAPE, 4)


def monai_resnet(row, classes, channels=1):
    pytest.importorskip("torch")
    resnet = pytest.importorskip("monai.networks.nets.resnet")
    return resnet.ResNet(
        "bottleneck" if row.bottleneck else "basic",
        list(row.blocks),
        [row.width * 2**stage for stage in range(4)],
        spatial_dims=3,
        n_input_channels=channels,
        conv1_t_stride=row.stem_stride,
        num_classes=classes,
        bias_downsample=False,
    ).eval()


@pytest.mark.parametrize(
    ("variant", "weights", "norms"),
    # Beside the peer's parameters, the norms' statistics: two for each of their channels.
    [
        ("resnet3d10_compact", 902_932, 720),
        ("resnet3d18", 33_162_052, 4_800),
        ("resnet3d50", 46_163_268, 26_560),
    ],
)
def test_count_of_weights(variant, weights, norms):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = resnet3d(4, variant=variant)
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == weights
    assert sum(np.prod(weight.shape) for weight in network.weights) == weights + 2 * norms
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        peer = monai_resnet(RESNETS_3D[variant], 4)
    assert sum(tensor.numel() for tensor in peer.parameters()) == weights


@pytest.mark.parametrize(
    "row",
    [
        RESNETS_3D["resnet3d10_compact"],
        TINY_BOTTLENECK,
        replace(TINY, stem_stride=2),
        pytest.param(RESNETS_3D["resnet3d18"], marks=pytest.mark.slow),
        pytest.param(RESNETS_3D["resnet3d50"], marks=pytest.mark.slow),
    ],
)
def test_equals_monai(row):
    peer = monai_resnet(row, classes=5, channels=2)
    import torch

    # Odd sides as well: "same" and symmetric padding differ on even ones alone.
    shape = (17, 32, 40, 2)
    # Logits, as a softmax may have run to its ends.
    network = resnet3d(5, shape, row, activation=None)
    generator = np.random.default_rng(0)
    x = scans(shape, 6)
    settled(network, x)

    def copy(convolution, norm, name):
        convolution.weight.data.copy_(
            torch.tensor(network.get_layer(f"{name}_conv").get_weights()[0]).movedim((-1, -2), (0, 1))
        )
        gamma, beta, mean, variance = network.get_layer(f"{name}_norm").get_weights()
        gamma, beta = generator.uniform(0.7, 1.3, gamma.shape), generator.normal(0, 0.2, beta.shape)
        network.get_layer(f"{name}_norm").set_weights([gamma, beta, mean, variance])
        for tensor, value in zip(
            (norm.weight, norm.bias, norm.running_mean, norm.running_var), (gamma, beta, mean, variance), strict=True
        ):
            tensor.data.copy_(torch.tensor(value))

    copy(peer.conv1, peer.bn1, "stem")
    for stage in (1, 2, 3, 4):
        for i, block in enumerate(getattr(peer, f"layer{stage}"), 1):
            for j in (1, 2, 3)[: 3 if row.bottleneck else 2]:
                copy(getattr(block, f"conv{j}"), getattr(block, f"bn{j}"), f"stage{stage}_block{i}_{j}")
            if block.downsample is not None:
                copy(*block.downsample, f"stage{stage}_block{i}_0")
    kernel, bias = network.get_layer("disease").get_weights()
    peer.fc.weight.data.copy_(torch.tensor(kernel.T))
    peer.fc.bias.data.copy_(torch.tensor(bias))
    with torch.no_grad():
        expected = peer(torch.tensor(x).movedim(-1, 1)).numpy()
    difference = report(f"resnet3d {row.blocks} logits", "MONAI", network(x), expected) / expected.std()
    assert expected.std(axis=0).min() > 0.05
    assert difference < 1e-4


def test_any_scan_and_any_channels(volumes):
    for channels in (1, 2, 3):
        network = resnet3d(3, (None, None, None, channels), TINY)
        assert network(np.repeat(volumes, channels, axis=-1)).shape == (4, 3)
        assert network(np.zeros((1, 9, 20, 31, channels), "float32")).shape == (1, 3)


def test_one_class_is_a_probability_and_the_features_are_what_is_pooled(volumes):
    network = resnet3d(1, SHAPE, TINY)
    pooled = keras.Model(network.input, network.get_layer("features").output)(volumes)
    last = keras.Model(network.input, network.get_layer("stage4_block1_out").output)(volumes)
    assert last.shape == (4, 1, 2, 2, 32)
    np.testing.assert_allclose(pooled, np.asarray(last).mean(axis=(1, 2, 3)), rtol=1e-5)
    kernel, bias = network.get_layer("disease").get_weights()
    np.testing.assert_allclose(network(volumes), 1 / (1 + np.exp(-(np.asarray(pooled) @ kernel + bias))), rtol=1e-4)


def test_weights_start_a_network_of_other_classes_and_channels(volumes, tmp_path):
    one = settled(resnet3d(2, SHAPE, TINY), volumes)
    one.save(tmp_path / "one.keras")
    other = resnet3d(4, (*SHAPE[:3], 3), TINY, weights=tmp_path / "one.keras")

    def pooled(network):
        return keras.Model(network.input, network.get_layer("features").output)

    np.testing.assert_allclose(pooled(other)(np.repeat(volumes, 3, -1)), pooled(one)(volumes), rtol=1e-4, atol=1e-5)
    assert other.output.shape == (None, 4)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"variant": "resnet3d81"}, ValueError, "Did you mean 'resnet3d18'.*Received: variant='resnet3d81'"),
        ({"input_shape": (64, 64, 1)}, ValueError, r"\(slices, height, width, channels\).*\(64, 64, 1\)"),
        ({"classes": 2.0}, ValueError, "Received: classes=2.0"),
        ({"weights": "imagenet", "variant": "resnet3d10_compact"}, InputError, "no published weights"),
    ],
)
def test_refusals_name_the_fix(options, error, says):
    with pytest.raises(error, match=says):
        resnet3d(**{"classes": 3} | options)


def test_shared_check(tmp_path, volumes):
    check(lambda: settled(resnet3d(3, SHAPE, TINY), volumes), volumes, tmp_path, tflite=True)
