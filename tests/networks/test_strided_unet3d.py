import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tfcovid import InputError
from tfcovid.networks.strided_unet3d import STRIDED_UNETS_3D, StridedUNet3DVariant, strided_unet3d

TINY = StridedUNet3DVariant((4, 4))
SHAPE = (8, 12, 16, 3)


def volumes(shape, seed=0):
    return np.random.default_rng(seed).uniform(size=(2, *shape)).astype("float32")


def monai_unet(widths, classes, channels, norm):
    pytest.importorskip("torch")
    nets = pytest.importorskip("monai.networks.nets")
    return nets.UNet(3, channels, classes, widths, (2,) * (len(widths) - 1), num_res_units=2, norm=norm)


@pytest.mark.parametrize(
    ("variant", "weights"),
    [("strided_unet3d", 4_744_479), ("strided_unet3d_instance", 4_742_171), ("strided_unet3d_compact", 1_189_071)],
)
def test_count_of_weights(variant, weights):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = strided_unet3d(variant=variant)
    keras.utils.clear_session()
    trainable = sum(np.prod(weight.shape) for weight in network.trainable_weights)
    assert trainable == weights
    assert network.output.shape == (None, 120, 136, 136, 2)
    torch = pytest.importorskip("torch")
    row = STRIDED_UNETS_3D[variant]
    with torch.device("meta"):
        peer = monai_unet(row.widths, 2, 3, row.norm)
    # MONAI has a bias before each norm, which takes it away.
    biases = 2 * sum(row.widths) + 2 * sum(row.widths[:-2]) + 2
    assert sum(tensor.numel() for tensor in peer.parameters()) == weights + biases


def test_weights_without_clicks_start_a_network_with_them(tmp_path):
    shape = (8, 12, 16, 1)
    x = volumes(shape)
    automatic = settled(strided_unet3d(2, shape, TINY), x)
    automatic.save(tmp_path / "automatic.keras")
    guided = strided_unet3d(2, SHAPE, TINY, weights=tmp_path / "automatic.keras")
    clicks = volumes((8, 12, 16, 2), seed=1)
    np.testing.assert_allclose(guided(np.concatenate([x, clicks], -1)), automatic(x), rtol=1e-4, atol=1e-5)
    four = strided_unet3d(4, (None, None, None, 1), TINY, weights=tmp_path / "automatic.keras")
    np.testing.assert_array_equal(four.get_layer("encode2_conv1").kernel, automatic.get_layer("encode2_conv1").kernel)
    assert four(volumes((4, 2, 6, 1))).shape == (2, 4, 2, 6, 4)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"variant": "strided_unet"}, ValueError, "Did you mean 'strided_unet3d'.*Received: variant='strided_unet'"),
        ({"variant": StridedUNet3DVariant((4, 4), "layer")}, ValueError, "norm is one of batch, instance"),
        ({"input_shape": (116, 136, 136, 3)}, ValueError, r"divide by 8: \(120, 136, 136, 3\) would fit"),
        ({"weights": "imagenet", "variant": TINY}, InputError, "no published weights"),
    ],
)
def test_refusals_name_the_fix(options, error, says):
    with pytest.raises(error, match=says):
        strided_unet3d(**options)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_shared_check(norm, tmp_path):
    x = volumes(SHAPE)
    check(lambda: settled(strided_unet3d(2, SHAPE, StridedUNet3DVariant((4, 4), norm)), x), x, tmp_path)
