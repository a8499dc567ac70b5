from itertools import pairwise

import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tests.parity import report
from tfcovid import InputError
from tfcovid.networks.unet3d import UNet3DVariant, unet3d

TINY = UNet3DVariant((4, 4))
SHAPE = {"same": (4, 6, 8, 3), "valid": (18, 20, 18, 3)}


def volumes(shape, seed=0):
    return np.random.default_rng(seed).uniform(size=(2, *shape)).astype("float32")


def count(network):
    return sum(np.prod(weight.shape) for weight in network.weights)


def unmade(**options):
    """Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all."""
    with keras.StatelessScope(initialize_variables=False):
        network = unet3d(**options)
    keras.utils.clear_session()
    return network


def test_sizes_and_count_are_the_published_ones():
    network = unmade(classes=3, input_shape=(116, 132, 132, 3), padding="valid")
    assert network.output.shape == (None, 28, 44, 44, 3)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    channels = sum(norm.gamma.shape[0] for norm in norms)
    # Published are 19,069,955: the kernels, one vector behind each 3 x 3 x 3 convolution, and the last bias. A norm
    # here has four vectors: scale and offset, and the two that follow the data.
    assert count(network) - 3 * channels == 19_069_955


@pytest.mark.parametrize(
    ("options", "weights"),
    [({}, 19_076_898), ({"classes": 4}, 19_077_028), ({"variant": "unet3d_compact"}, 1_194_570)],
)
def test_count_of_weights(options, weights):
    network = unmade(**options)
    assert count(network) == weights
    assert network.output.shape == (None, 120, 136, 136, options.get("classes", 2))


def torch_unet3d(torch, widths, channels, classes, padding):
    """Cicek et al. 2016, figure 2, written plainly. MONAI has no such network: its BasicUNet doubles the channels after
    the pooling, norms by instance, leaks and pads; its UNet halves by stride and adds residual units."""
    nn = torch.nn

    def two(start, *widths):
        layers = []
        for width in widths:
            layers += [nn.Conv3d(start, width, 3, padding=padding, bias=False), nn.BatchNorm3d(width), nn.ReLU()]
            start = width
        return nn.Sequential(*layers)

    class UNet3d(nn.Module):
        def __init__(self):
            super().__init__()
            starts = (channels, *widths)
            self.down = nn.ModuleList(two(starts[i], width // 2, width) for i, width in enumerate(widths))
            self.up = nn.ModuleList(nn.ConvTranspose3d(width, width, 2, 2, bias=False) for width in widths[1:])
            self.join = nn.ModuleList(two(a + b, a, a) for a, b in pairwise(widths))
            self.out = nn.Conv3d(widths[0], classes, 1)

        def forward(self, x):
            skips = []
            for i, down in enumerate(self.down):
                x = down(nn.functional.max_pool3d(x, 2) if i else x)
                skips.append(x)
            for i in reversed(range(len(self.up))):
                x, skip = self.up[i](x), skips[i]
                for axis in (2, 3, 4):
                    skip = skip.narrow(axis, (skip.shape[axis] - x.shape[axis]) // 2, x.shape[axis])
                x = self.join[i](torch.cat([skip, x], 1))
            return torch.softmax(self.out(x), 1)

    return UNet3d()


@pytest.mark.parametrize(("padding", "shape"), [("same", (8, 16, 24, 3)), ("valid", (44, 48, 52, 3))])
def test_equals_a_plain_pytorch_definition(padding, shape):
    torch = pytest.importorskip("torch")
    widths = (8, 12, 16)
    peer = torch_unet3d(torch, widths, 3, 4, padding)
    network = unet3d(4, shape, UNet3DVariant(widths), padding=padding)
    network = settled(network, volumes(shape, seed=1))
    generator = np.random.default_rng(2)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            gamma, beta = generator.uniform(0.7, 1.3, gamma.shape), generator.normal(0, 0.2, beta.shape)
            layer.set_weights([gamma, beta, mean, variance])

    def copy(convolution, norm, name, i):
        copy_kernel(convolution, f"{name}_conv{i}")
        values = network.get_layer(f"{name}_norm{i}").get_weights()
        for tensor, value in zip((norm.weight, norm.bias, norm.running_mean, norm.running_var), values, strict=True):
            tensor.data.copy_(torch.tensor(value))

    def copy_kernel(convolution, name):
        kernel, *bias = network.get_layer(name).get_weights()
        convolution.weight.data.copy_(torch.tensor(kernel).movedim((-1, -2), (0, 1)))
        if bias:
            convolution.bias.data.copy_(torch.tensor(bias[0]))

    for level in (1, 2, 3):
        for i in (1, 2):
            down = peer.down[level - 1]
            copy(down[3 * i - 3], down[3 * i - 2], f"encode{level}", i)
            if level < 3:
                join = peer.join[level - 1]
                copy(join[3 * i - 3], join[3 * i - 2], f"decode{level}", i)
        if level < 3:
            copy_kernel(peer.up[level - 1], f"up{level}")
    copy_kernel(peer.out, "mask")
    x = volumes(shape)
    with torch.no_grad():
        expected = peer.eval()(torch.tensor(x).movedim(-1, 1)).movedim(1, -1).numpy()
    found = np.asarray(network(x))
    report(f"unet3d, padding {padding}", "a plain PyTorch definition", found, expected)
    assert found.shape == expected.shape
    assert expected.std() > 0.03
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_valid_mask_has_not_seen_padding():
    """So the mask of a part of the volume is part of the mask of the volume."""
    keras.utils.set_random_seed(0)
    network = unet3d(2, (None, None, None, 1), TINY, padding="valid")
    x = volumes((26, 22, 20, 1))
    whole, part = np.asarray(network(x)), np.asarray(network(x[:, 4:24, :18, 2:]))
    assert whole.shape == (2, 10, 6, 4, 2) and part.shape == (2, 4, 2, 2, 2)
    assert part.std() > 0.01
    np.testing.assert_allclose(part, whole[:, 4:8, :2, 2:], rtol=1e-4, atol=1e-5)


def test_any_volume_whose_sides_fit():
    network = unet3d(2, (None, None, None, 2), TINY)
    assert network(volumes((4, 6, 8, 2))).shape == (2, 4, 6, 8, 2)
    assert network(volumes((2, 2, 4, 2))).shape == (2, 2, 2, 4, 2)


def test_weights_without_clicks_start_a_network_with_them(tmp_path):
    x = volumes((4, 6, 8, 1))
    automatic = settled(unet3d(2, (4, 6, 8, 1), TINY), x)
    automatic.save(tmp_path / "automatic.keras")
    guided = unet3d(2, (4, 6, 8, 3), TINY, weights=tmp_path / "automatic.keras")
    clicks = volumes((4, 6, 8, 2), seed=1)
    np.testing.assert_allclose(guided(np.concatenate([x, clicks], -1)), automatic(x), rtol=1e-4, atol=1e-5)
    four = unet3d(4, (None, None, None, 1), TINY, padding="valid", weights=tmp_path / "automatic.keras")
    np.testing.assert_array_equal(four.get_layer("up1").kernel, automatic.get_layer("up1").kernel)
    assert four.get_layer("mask").kernel.shape[-1] == 4


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"variant": "unet2d"}, ValueError, "Received: variant='unet2d'"),
        ({"padding": "full"}, ValueError, "padding is one of same, valid. Received: padding='full'"),
        (
            {"input_shape": (116, 132, 132, 3)},
            ValueError,
            r"divide by 8: \(120, 136, 136, 3\) would fit.*\(116, 132, 132, 3\)",
        ),
        (
            {"input_shape": (120, 132, 137, 3), "padding": "valid"},
            ValueError,
            r"92 or a multiple of 8 more: \(116, 132, 132, 3\) or \(124, 132, 140, 3\) would fit.*\(120, 132, 137, 3\)",
        ),
        (
            {"input_shape": (None, 40, 92, 1), "padding": "valid"},
            ValueError,
            r"more: \(None, 92, 92, 1\) would fit.*\(None, 40, 92, 1\)",
        ),
        ({"input_shape": (136, 136, 3)}, ValueError, r"\(slices, height, width, channels\).*\(136, 136, 3\)"),
        ({"weights": "imagenet", "variant": TINY}, InputError, "no published weights"),
    ],
)
def test_refusals_name_the_fix(options, error, says):
    with pytest.raises(error, match=says):
        unet3d(**options)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_shared_check(padding, tmp_path):
    x = volumes(SHAPE[padding])
    check(lambda: settled(unet3d(2, SHAPE[padding], TINY, padding=padding), x), x, tmp_path, tflite=True)
