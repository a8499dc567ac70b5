import numpy as np
import pytest

from tests.networks.convert.same_as_timm import assert_same_as_timm
from tests.networks.timm_models import timm_model, timm_tensors
from tfcovid.errors import InputError
from tfcovid.networks.convert.efficientnet import from_timm


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
