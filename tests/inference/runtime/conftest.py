import json
import subprocess
import sys

import pytest

from tfcovid.config import load_config, write_config
from tfcovid.inference import System, load
from tfcovid.scans import read_scan


@pytest.fixture(scope="session")
def scan(held_out):
    return read_scan(held_out)


@pytest.fixture(scope="session")
def on_openvino(bundle):
    pytest.importorskip("openvino")
    return load(bundle, "openvino", precision="float32")


@pytest.fixture
def with_settings(system, tmp_path):
    """The tiny system without its patient network, under a config with other settings."""

    def make(*settings, **parts):
        write_config(system.config, tmp_path / "config.yaml")
        config = load_config(tmp_path / "config.yaml", ("patient_net.kind=mean", *settings))
        return System(config, system.slice_network, None, system.facts, **parts)

    return make


@pytest.fixture
def fresh():
    """Runs Python code in a process of its own; what it prints last is JSON."""

    def run(code, *words):
        done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run
