import numpy as np
import pytest

from tests.networks.convert.same_as_timm import assert_same_as_timm
from tests.networks.timm_models import timm_model, timm_tensors
from tfcovid.errors import InputError
from tfcovid.networks.convert.densenet import from_timm


@pytest.mark.parametrize(
    "name",
    [
        "densenet121",
        pytest.param("densenet169", marks=pytest.mark.slow),
        pytest.param("densenet201", marks=pytest.mark.slow),
    ],
)
def test_equals_timm(name, tmp_path):
    assert_same_as_timm(name, timm_model(name, num_classes=7), tmp_path)


@pytest.fixture(scope="module")
def tensors():
    return timm_tensors(timm_model("densenet121", num_classes=2))


@pytest.mark.parametrize("missing", ["features.norm5.bias", "features.transition3.conv.weight", "classifier.weight"])
def test_a_missing_tensor_is_named(missing, tensors):
    with pytest.raises(InputError, match=rf"no tensor {missing}\b"):
        from_timm({name: tensor for name, tensor in tensors.items() if name != missing})


@pytest.mark.parametrize("unknown", ["features.denseblock4.denselayer17.conv1.weight", "features.conv0.bias"])
def test_an_unknown_tensor_is_named(unknown, tensors):
    with pytest.raises(InputError, match=f"Received: {unknown}$"):
        from_timm({**tensors, unknown: np.zeros(4)})
