import numpy as np
import pytest

from tests.networks.convert.same_as_timm import assert_same_as_timm
from tests.networks.timm_models import timm_model, timm_tensors
from tfcovid.errors import InputError
from tfcovid.networks.convert.eca_nfnet import from_timm


@pytest.mark.parametrize(
    "name",
    [
        "eca_nfnet_l0",
        pytest.param("eca_nfnet_l1", marks=pytest.mark.slow),
        pytest.param("eca_nfnet_l2", marks=pytest.mark.slow),
    ],
)
def test_equals_timm(name, tmp_path):
    # Odd sides, and sides that a stride makes odd: there the poolings' last windows are cut.
    assert_same_as_timm(name, timm_model(name, num_classes=7), tmp_path, sides=((96, 96), (97, 97), (100, 132)))


@pytest.fixture(scope="module")
def tensors():
    return timm_tensors(timm_model("eca_nfnet_l0", num_classes=2))


def test_layouts(tensors):
    assert len(tensors) == 185
    arrays = from_timm(tensors)
    # Kernel, gain and bias of two groups of 64 channels.
    assert [array.shape for array in arrays["stage2_block2_conv2"]] == [(3, 3, 64, 128), (128,), (128,)]
    np.testing.assert_array_equal(arrays["stage4_block1_shortcut"][1], tensors["stages.3.0.downsample.conv.gain"].flat)
    np.testing.assert_array_equal(arrays["final_conv"][2], tensors["final_conv.bias"])
    np.testing.assert_array_equal(
        arrays["stage1_block1_eca"][0].ravel(), tensors["stages.0.0.attn_last.conv.weight"].ravel()
    )
    without_head = from_timm({name: tensor for name, tensor in tensors.items() if not name.startswith("head")})
    assert arrays.keys() - without_head.keys() == {"disease"}


@pytest.mark.parametrize(
    "missing",
    ["stem.conv1.weight", "stages.1.0.conv2b.gain", "stages.2.5.attn_last.conv.weight", "head.fc.bias"],
)
def test_a_missing_tensor_is_named(missing, tensors):
    with pytest.raises(InputError, match=rf"no tensor {missing}\b"):
        from_timm({name: tensor for name, tensor in tensors.items() if name != missing})


@pytest.mark.parametrize("unknown", ["stages.3.3.conv1.weight", "stem.conv1.running_mean"])
def test_an_unknown_tensor_is_named(unknown, tensors):
    with pytest.raises(InputError, match=f"Received: {unknown}$"):
        from_timm({**tensors, unknown: np.zeros(4)})
