"""Every fit script, from a folder to a model that loads: small, one epoch. Half are left to `make test-all`."""

import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid import read_scan
from tfcovid.data import write_manifest
from tfcovid.preprocess import window

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


def run(monkeypatch, script, *arguments):
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    runpy.run_path(str(SCRIPTS / script), run_name="__main__")


@pytest.fixture(scope="module")
def images(cohort, tmp_path_factory):
    """A folder of slice images a class, two classes; and masks of the same names."""
    folder = tmp_path_factory.mktemp("images")
    for entry in cohort.entries:
        if entry.label in ("healthy", "covid-19"):
            for i, one in enumerate(window(read_scan(entry.scan).hu)):
                for kind, pixels in (("classes", 255 * one), ("masks", 255 * (one < 0.3))):
                    place = folder / kind / entry.label
                    place.mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(str(place / f"{entry.patient}_{i}.png"), pixels.astype("uint8"))
    return folder


@pytest.fixture(scope="module")
def manifest(cohort, tmp_path_factory):
    """Of one scan a class, with the phantoms' masks."""
    truth = cohort.folder.with_name("scans_masks")
    entries = [
        replace(
            entry,
            lungs=truth / entry.label / f"{entry.patient}_lungs.nii.gz",
            lesions=truth / entry.label / f"{entry.patient}_lesions.nii.gz",
        )
        for entry in cohort.entries
        if entry.split in ("train", "val")
    ]
    file = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    write_manifest(entries, file)
    return file


def loaded(path):
    return keras.saving.load_model(path, compile=False)


def test_m3lung(monkeypatch, images, tmp_path):
    run(
        monkeypatch,
        "fit_m3lung.py",
        images / "classes",
        *("--healthy", "healthy", "--size", 32, "--epochs", 1, "-o", tmp_path / "m.keras"),
    )
    assert loaded(tmp_path / "m.keras").output["disease"].shape == (None, 2)


def test_classifier(monkeypatch, images, tmp_path):
    options = ("--network", "resnet10_compact", "--size", 32, "--epochs", 1, "-o", tmp_path / "m.keras")
    run(monkeypatch, "fit_classifier.py", images / "classes", *options)
    assert loaded(tmp_path / "m.keras").output_shape == (None, 2)


def test_res_dense(monkeypatch, images, tmp_path):
    options = ("--backbones", "resnet10_compact", "resnet10_compact", "--size", 32, "--epochs", 2)
    run(monkeypatch, "fit_res_dense.py", images / "classes", *options, "-o", tmp_path / "m.keras")
    assert loaded(tmp_path / "m.keras").output_shape == (None, 1)


def test_attention_unet(monkeypatch, images, tmp_path):
    folders = (images / kind / "healthy" for kind in ("classes", "masks"))
    run(monkeypatch, "fit_attention_unet.py", *folders, "--size", 32, "--epochs", 1, "-o", tmp_path / "m.keras")
    assert loaded(tmp_path / "m.keras").output_shape == (None, 32, 32, 1)


def test_unet3d(monkeypatch, manifest, tmp_path):
    run(monkeypatch, "fit_unet3d.py", manifest, "--shape", 16, 32, 32, "--epochs", 1, "-o", tmp_path / "m.keras")
    assert loaded(tmp_path / "m.keras").output_shape == (None, 16, 32, 32, 2)


def test_resnet3d(monkeypatch, manifest, tmp_path):
    options = ("--network", "resnet3d10_compact", "--shape", 8, 32, 32, "--epochs", 1, "-o", tmp_path / "m.keras")
    run(monkeypatch, "fit_resnet3d.py", manifest, *options)
    assert loaded(tmp_path / "m.keras").output_shape == (None, 4)


def test_aggregator(monkeypatch, tmp_path):
    generator = np.random.default_rng(0)
    np.savez(
        tmp_path / "features.npz",
        features=generator.normal(size=(10, 6, 5)).astype("float32"),
        counts=generator.integers(1, 7, 10),
        targets=np.arange(10) % 3,
    )
    run(monkeypatch, "fit_aggregator.py", tmp_path / "features.npz", "--epochs", 1, "-o", tmp_path / "m.keras")
    assert loaded(tmp_path / "m.keras").output_shape == (None, 3)


@pytest.mark.slow
def test_eff_mix_conv(monkeypatch, manifest, tmp_path):
    options = ("--network", "efficientnet_b0_timm", "--size", 64, "--slices", 4, "--epochs", 1)
    run(monkeypatch, "fit_eff_mix_conv.py", manifest, *options, "-o", tmp_path / "m.keras")
    assert loaded(tmp_path / "m.keras").output_shape == (None, 4)
    assert loaded(tmp_path / "m_embedder.keras").output_shape == (None, 224)


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize("network", ["resnet18_timm", "efficientnet_b0", "eca_nfnet_l0", "densenet121"])
def test_every_family_on_real_slices(network, tmp_path):
    """In a process of its own, as a user starts it."""
    folder = tmp_path / "images"
    for name in ("CT_COVID", "CT_NonCOVID"):
        (folder / name).mkdir(parents=True)
        for i, path in enumerate(sorted((DATA / "covid_ct" / name).iterdir())[:20]):
            pixels = cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (96, 96))
            cv2.imwrite(str(folder / name / f"{i}.png"), pixels)
    command = [sys.executable, SCRIPTS / "fit_classifier.py", folder, "--network", network, "--size", "64"]
    subprocess.run([*map(str, command), "--epochs", "1", "-o", str(tmp_path / "m.keras")], check=True, cwd=ROOT)
    assert loaded(tmp_path / "m.keras").output_shape == (None, 2)


def test_scripts_are_short_enough_to_paste():
    lengths = {path.name: len(path.read_text().splitlines()) for path in SCRIPTS.glob("fit_*.py")}
    assert len(lengths) == 8 and max(lengths.values()) < 80
