"""What is installed: the package, its configs and its bundles, from a wheel."""

import configparser
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Run where neither the repository nor its editable install can answer.
_USE = """
import json, tfcovid
from tfcovid.config import load_config, shipped_configs
from tfcovid.config.ablations import shipped_ablations
from tfcovid.inference import shipped_bundles
from tfcovid.report import report_schema
print(json.dumps({
    "package": tfcovid.__file__,
    "configs": {name: str(path) for name, path in shipped_configs().items()},
    "bundles": {name: str(path) for name, path in shipped_bundles().items()},
    "batch": load_config("m3lung").slice_training.batch,
    "ablations": list(shipped_ablations()),
    "schema": report_schema()["$schema"],
}))
"""


def test_every_room_is_in_setup_cfg():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "tfcovid").rglob("__init__.py")}
    assert listed == {"tfcovid.configs", "tfcovid.saved_models", *rooms}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True)
    return next(folder.glob("tfcovid-*.whl"))


def test_a_wheel_finds_its_configs_and_bundles(wheel, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "site", wheel], check=True
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", _USE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    assert Path(found["package"]).is_relative_to(tmp_path)
    assert set(found["configs"]) >= {"demo", "m3lung", "m3lung_compact"}
    assert "demo" in found["bundles"]
    assert "m3lung_slices" in found["ablations"] and "json-schema.org" in found["schema"]
    assert all(Path(path).is_relative_to(tmp_path) for path in [*found["configs"].values(), *found["bundles"].values()])
    assert found["batch"] == 32


@pytest.mark.slow
def test_a_wheel_in_an_empty_environment_diagnoses_a_phantom(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    run = {"cwd": tmp_path, "check": True, "capture_output": True, "text": True}
    subprocess.run([tmp_path / "env/bin/pip", "install", "-q", wheel], **run)
    tfcovid = tmp_path / "env/bin/tfcovid"
    subprocess.run([tfcovid, "phantom", "cohort", "--patients", "1", "--shape", "12", "96", "96"], **run)
    subprocess.run([tfcovid, "predict", "demo", "cohort/covid-19/covid-19-0000", "-o", "out"], **run)
    assert json.loads((tmp_path / "out/report.json").read_text())["bundle"]["name"] == "demo"
    subprocess.run([tfcovid, "index", "cohort", "-o", "manifest.csv"], **run)
    trained = subprocess.run([tfcovid, "train", "m3lung", "manifest.csv", "-o", "bundle", "--dry-run"], **run)
    assert "110 epochs" in trained.stdout
