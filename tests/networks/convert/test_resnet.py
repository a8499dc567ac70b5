import keras
import numpy as np
import pytest

from tests.networks.convert.same_as_timm import assert_same_as_timm
from tests.networks.timm_models import timm_model, timm_tensors
from tests.parity import report
from tfcovid.errors import InputError
from tfcovid.networks.convert.resnet import from_timm
from tfcovid.networks.resnet import resnet

SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", pytest.param("resnet34", marks=SLOW), pytest.param("resnet101", marks=SLOW)]
)
def test_equals_timm(name, tmp_path):
    assert_same_as_timm(f"{name}_timm", timm_model(name, num_classes=7), tmp_path)


def plain_resnet18(torch, classes):
    """ResNet-18 as its paper's table 1 and figure 5 have it, in torchvision's names."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, channels_in, channels, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            if stride > 1:
                shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
                self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))

        def forward(self, x):
            y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
            return (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()

    class ResNet18(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            for stage, (before, channels) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), start=1):
                blocks = Block(before, channels, 1 if stage == 1 else 2), Block(channels, channels, 1)
                setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            self.fc = nn.Linear(512, classes)

        def forward(self, x):
            x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    return ResNet18()


def test_resnet18_equals_a_plain_definition_in_pytorch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = plain_resnet18(torch, 5)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = 1.0
            norm.weight.uniform_(0.7, 1.3)
            norm.bias.normal_(0, 0.1)
        # Statistics of these pictures in place of 0 and 1.
        model.train()(torch.randn(4, 3, 96, 96))
        slices = np.random.default_rng(1).uniform(size=(2, 75, 64, 3)).astype("float32")
        pixels = (slices - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        expected = model.eval()(torch.from_numpy(pixels.astype("float32").transpose(0, 3, 1, 2))).numpy()
    network = resnet(5, (75, 64, 3), "resnet18_timm", activation=None)
    for layer, arrays in from_timm(timm_tensors(model)).items():
        network.get_layer(layer).set_weights(arrays)
    found = keras.ops.convert_to_numpy(network(slices))
    report("resnet18_timm", "a plain PyTorch definition", found, expected)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.fixture
def tensors():
    shape = {"weight": (4, 3, 3, 3), "fc.weight": (2, 4)}
    modules = ["conv1", *(f"layer{stage}.{i}.conv{n}" for stage in (1, 2, 3, 4) for i in (0, 1) for n in (1, 2))]
    modules += [f"layer{stage}.0.downsample.0" for stage in (2, 3, 4)]
    norms = ["bn1", *(f"layer{stage}.{i}.bn{n}" for stage in (1, 2, 3, 4) for i in (0, 1) for n in (1, 2))]
    norms += [f"layer{stage}.0.downsample.1" for stage in (2, 3, 4)]
    kinds = ("weight", "bias", "running_mean", "running_var")
    found = {f"{module}.weight": np.zeros(shape["weight"]) for module in modules}
    found |= {f"{module}.{kind}": np.zeros(4) for module in norms for kind in kinds}
    return found | {"fc.weight": np.zeros(shape["fc.weight"]), "fc.bias": np.zeros(2)}


def test_layouts(tensors):
    tensors["bn1.num_batches_tracked"] = np.array(3)
    arrays = from_timm(tensors)
    assert [array.shape for array in arrays["conv1_conv"]] == [(3, 3, 3, 4)]
    assert [array.shape for array in arrays["conv3_block1_0_bn"]] == [(4,)] * 4
    assert [array.shape for array in arrays["disease"]] == [(4, 2), (2,)]
    assert "disease" not in from_timm({name: one for name, one in tensors.items() if not name.startswith("fc.")})


@pytest.mark.parametrize(
    "missing", ["conv1.weight", "layer3.1.bn2.running_var", "layer4.0.downsample.0.weight", "fc.bias"]
)
def test_a_missing_tensor_is_named(missing, tensors):
    del tensors[missing]
    with pytest.raises(InputError, match=rf"no tensor {missing}\b"):
        from_timm(tensors)


@pytest.mark.parametrize("unknown", ["conv1.bias", "layer1.2.conv1.weight", "layer1.0.se.fc1.weight"])
def test_an_unknown_tensor_is_named(unknown, tensors):
    with pytest.raises(InputError, match=f"tensors that no network of this family has. Received: {unknown}$"):
        from_timm(tensors | {unknown: np.zeros(4)})
