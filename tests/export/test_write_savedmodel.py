"""Every config as a SavedModel: each signature asked through the C API in a fresh process, equal to its bundle."""

import json

import pytest
import tensorflow as tf

from tests.export.untrained import untrained
from tfcovid.config import shipped_configs
from tfcovid.errors import InputError
from tfcovid.export import Evidence
from tfcovid.export.write_savedmodel import write_savedmodel

_SLICES = {"scan", "serving_default", "embed", "cropped"}
# Config -> its signatures, and settings that make it small without another part in it.
_SMALL = {
    "attn_crop": (
        _SLICES | {"image_bytes", "lungs"},
        [
            *("crop.size=[64,64]", "slice_net.variant=efficientnet_b0"),
            *("lungs.network.variant=attention_unet_compact", "lungs.network.size=[64,64]"),
        ],
    ),
    "chest_ct": (
        _SLICES | {"image_bytes", "lungs", "segment"},
        ["crop.size=[64,64]", "slice_net.variant=attention_unet_compact"],
    ),
    "covid_ct": (_SLICES | {"image_bytes"}, ["crop.size=[64,64]"]),
    "demo": (_SLICES, ["crop.size=[64,64]"]),
    "eff_mix_conv_e": (
        _SLICES | {"image_bytes"},
        ["crop.size=[64,64]", "patient_net.count=4", "patient_net.draws=3", "slice_net.variant=efficientnet_b0"],
    ),
    "eff_mix_conv_s": (
        _SLICES | {"image_bytes"},
        ["crop.size=[64,64]", "patient_net.count=4", "patient_net.draws=3", "slice_net.variant=efficientnet_b0"],
    ),
    "infection": ({"serving_default"}, ["network.size=[64,64]", "network.weights=null"]),
    "infection_clicks": ({"serving_default"}, ["network.patch=[8,32,32]"]),
    "lungs": ({"serving_default"}, ["network.size=[64,64]"]),
    "m3lung": (
        _SLICES,
        [
            *("crop.size=[64,64]", "slice_net.backbone=resnet10_compact"),
            *("patient_net.heads=2", "patient_net.head_size=8", "patient_net.scales=[1,2]"),
        ],
    ),
    "m3lung_compact": (_SLICES, ["crop.size=[64,64]", "slice_net.backbone=resnet10_compact"]),
    "res_dense": (_SLICES | {"image_bytes"}, ["crop.size=[64,64]"]),
    "res_unet3d": (
        _SLICES | {"image_bytes", "segment"},
        [
            *("crop.size=[64,64]", "slice_net.variant=resnet10_compact"),
            *("then.segmenter.network.variant=unet3d_compact", "then.segmenter.network.patch=[8,32,32]"),
        ],
    ),
    "ssfl": (
        _SLICES | {"image_bytes"},
        ["crop.size=[64,64]", "patient_net.slices=4", "slice_net.variant=eca_nfnet_l0"],
    ),
}
# Those with parts that no other test exports.
_ALWAYS = ("attn_crop", "res_unet3d", "infection_clicks")


@pytest.fixture(scope="module")
def evidence():
    return Evidence.gather()


def test_no_config_is_forgotten():
    assert set(_SMALL) == set(shipped_configs())


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in _ALWAYS else pytest.mark.slow) for n in _SMALL])
def test_every_signature_of_a_config_is_equal_to_its_bundle(name, evidence, tmp_path):
    signatures, settings = _SMALL[name]
    _require_export(untrained(name, *settings), signatures, evidence, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", _SMALL)
def test_every_config_at_its_own_size_is_equal_to_its_bundle(name, tmp_path):
    _require_export(untrained(name), _SMALL[name][0], Evidence.gather(), tmp_path)


def _require_export(system, signatures, evidence, folder):
    facts = write_savedmodel(system, folder, evidence)
    assert set(facts["signatures"]) == signatures
    assert facts["largest_difference"] <= facts["tolerance"] == 1e-4
    assert facts["warm_up"] == len(signatures)
    version = folder / facts["model"] / "1"
    assert (version / "assets" / "labels.txt").read_text().split("\n")[:-1] == list(system.config.labels)
    json.dumps(facts)
    for name, one in facts["signatures"].items():
        assert set(one["inputs"]) == set(one["verified"]["shapes"]), name
        for side in (*one["inputs"].values(), *one["outputs"].values()):
            assert len(side["axes"]) == len(side["shape"]), (name, side)
    tf.keras.backend.clear_session()


def test_an_export_that_differs_is_none(system, tmp_path):
    with pytest.raises(InputError, match=r"signature \w+ is not equal to its bundle, and was not exported"):
        write_savedmodel(system, tmp_path, Evidence.gather(), tolerance=0.0)
