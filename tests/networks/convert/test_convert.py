import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from tfcovid import InputError
from tfcovid.networks import build
from tfcovid.networks.convert import convert_checkpoint, variant_of
from tfcovid.networks.weights import arrays_of

VARIANT = "resnet18_timm"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of ResNet-18 in torchvision's names, made of our network's random start: no peer is needed."""
    tensors = {}
    for name, arrays in arrays_of(build(VARIANT, 5, (None, None, 3))).items():
        module = _module(name)
        kinds = ("weight", "bias", "running_mean", "running_var")
        for kind, array in zip(kinds, arrays, strict=False):
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
            tensors[f"{module}.{kind}"] = np.ascontiguousarray(array)
    file = tmp_path_factory.mktemp("checkpoint") / "resnet18.mine.safetensors"
    save_file(tensors, file)
    return file


def _module(layer):
    if layer == "disease":
        return "fc"
    if layer.startswith("conv1_"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn1"}[layer]
    stage, block, number, kind = layer.removeprefix("conv").replace("block", "").split("_")
    place = f"layer{int(stage) - 1}.{int(block) - 1}"
    if number == "0":
        return f"{place}.downsample.{0 if kind == 'conv' else 1}"
    return f"{place}.{kind}{number}"


def test_weights_and_what_they_are_lie_side_by_side(checkpoint, tmp_path):
    facts = convert_checkpoint(checkpoint, tmp_path / "out.weights.h5", VARIANT, "CC0-1.0")
    assert json.loads((tmp_path / "out.json").read_text()) == facts
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.weights.h5"]
    assert (facts["variant"], facts["classes"], facts["licence"]) == (VARIANT, 5, "CC0-1.0")
    assert facts["source"] == "resnet18.mine.safetensors" and len(facts["sha256"]) == 64


def test_the_head_comes_along_where_the_classes_agree(checkpoint, tmp_path):
    convert_checkpoint(checkpoint, tmp_path / "out.weights.h5", VARIANT)
    weights = str(tmp_path / "out.weights.h5")
    five, again, two = (arrays_of(build(VARIANT, classes, (64, 64, 1), weights=weights)) for classes in (5, 5, 2))
    np.testing.assert_array_equal(five["disease"][0], again["disease"][0])
    np.testing.assert_array_equal(five["conv5_block2_2_conv"][0], two["conv5_block2_2_conv"][0])
    assert two["disease"][0].shape == (512, 2)


@pytest.mark.parametrize(
    ("variant", "says"),
    [
        ("resnet34_timm", r"another network than resnet34_timm: \d+ of \d+ layers do not fit, conv\d_block3"),
        ("densenet121", "no tensor|no network of this family"),
        ("resnet18", "no converter for resnet18; there is one for resnet18_timm"),
    ],
)
def test_a_checkpoint_of_another_network_writes_nothing(variant, says, checkpoint, tmp_path):
    with pytest.raises(InputError, match=says):
        convert_checkpoint(checkpoint, tmp_path / "out.weights.h5", variant)
    assert not list(tmp_path.iterdir())


def test_weights_do_not_enter_the_other_flavour_of_their_network(checkpoint, tmp_path):
    convert_checkpoint(checkpoint, tmp_path / "out.weights.h5", VARIANT)
    with pytest.raises(InputError, match=r"these are of resnet18_timm, wanted is resnet18\. Received: .*out\.weights"):
        build("resnet18", 5, (64, 64, 1), weights=str(tmp_path / "out.weights.h5"))


def test_weights_without_their_json_are_asked_for_it(checkpoint, tmp_path):
    convert_checkpoint(checkpoint, tmp_path / "out.weights.h5", VARIANT)
    (tmp_path / "out.json").unlink()
    with pytest.raises(InputError, match=r"out\.json should lie beside them"):
        build(VARIANT, 5, (64, 64, 1), weights=str(tmp_path / "out.weights.h5"))


def test_the_name_of_a_checkpoint_tells_its_network():
    assert variant_of("a/eca_nfnet_l1.ra2_in1k.safetensors") == "eca_nfnet_l1"
    assert variant_of("efficientnet_b3.ra2_in1k.pth") == "efficientnet_b3_timm"
    with pytest.raises(InputError, match=r"give --network.*Received: model\.safetensors"):
        variant_of("model.safetensors")
