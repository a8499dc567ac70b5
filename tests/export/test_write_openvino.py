import json
from dataclasses import replace

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
def evidence(held_out, cohort):
    return Evidence.gather(read_scan(held_out), cohort.entries[:2])


def test_each_precision_is_a_bundle_that_says_what_the_system_says(simple, evidence, tmp_path):
    pytest.importorskip("nncf")
    facts = write_openvino(simple, tmp_path, evidence, ("float32", "int8"), tolerance=0.05)
    expected = all_probabilities(simple, evidence.scan)
    apart = {}
    for one in json.loads(json.dumps(facts))["bundles"]:
        loaded = load(tmp_path / one["folder"])
        assert loaded.runtime["precision"] == one["precision"]
        apart[one["precision"]] = np.abs(all_probabilities(loaded, evidence.scan) - expected).max()
        assert apart[one["precision"]] == pytest.approx(one["largest_difference"], abs=1e-6)
        assert one["networks"]["slice.xml"]["inputs"]["hu"]["shape"][1:] == [32, 32, 1]
        assert one["bytes"] == sum(path.stat().st_size for path in (tmp_path / one["folder"]).rglob("*.*"))
    assert apart["float32"] < 1e-4 < apart["int8"]


def test_what_is_not_equal_or_cannot_be_fitted_is_told(simple, evidence, tmp_path):
    with pytest.raises(InputError, match=r"differs from the bundle's by .* more than 0, on a scan of 8 x 64 x 64"):
        write_openvino(simple, tmp_path, evidence, tolerance=0)
    with pytest.raises(InputError, match="--manifest"):
        write_openvino(simple, tmp_path / "other", replace(evidence, entries=()), ("int8",))
    assert not (tmp_path / "other").exists()
