import json

import numpy as np
import pytest

from tfcovid.config import load_config, write_config
from tfcovid.errors import InputError
from tfcovid.export.evidence import Evidence
from tfcovid.export.write_openvino import write_openvino
from tfcovid.inference import System, load
from tfcovid.inference.runtime.all_probabilities import all_probabilities
from tfcovid.scans import read_scan

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def simple(system, tmp_path_factory):
    """The tiny system without its patient network, which takes long to convert."""
    config = tmp_path_factory.mktemp("simple") / "config.yaml"
    write_config(system.config, config)
    facts = {"format": 1, "name": "simple", "labels": list(system.config.labels)}
    return System(load_config(config, ["patient_net.kind=mean"]), system.slice_network, None, facts)


@pytest.fixture(scope="module")
def evidence(held_out):
    return Evidence.gather(read_scan(held_out))


def test_an_export_says_what_the_system_says(simple, evidence, tmp_path):
    facts = write_openvino(simple, tmp_path, evidence)
    loaded = load(tmp_path, precision="float32")
    assert loaded.runtime["name"] == "openvino" and loaded.slice_network is None
    apart = np.abs(all_probabilities(loaded, evidence.scan) - all_probabilities(simple, evidence.scan)).max()
    assert apart < 1e-4 and facts["largest_difference"] < 1e-4
    assert json.loads(json.dumps(facts))["networks"]["slice.xml"]["inputs"]["hu"]["shape"][1:] == [32, 32, 1]
    assert sum(facts["files"].values()) == sum(path.stat().st_size for path in tmp_path.rglob("*.*"))


def test_what_is_not_equal_is_told(simple, evidence, tmp_path):
    with pytest.raises(InputError, match=r"differs from the bundle's by .* more than 0, on a scan of 8 x 64 x 64"):
        write_openvino(simple, tmp_path, evidence, tolerance=0)
