"""One small phantom cohort, its store and one trained bundle, made once for all tests that need them."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

if os.environ.get("KERAS_BACKEND") == "torch":
    import torch

    # Outputs of layers remember their gradients, and then refuse to become arrays.
    torch.Tensor.__array__ = lambda self, dtype=None, copy=None: self.detach().cpu().numpy()

# Where tests import OpenVINO themselves it tells nobody of it; see `quiet_openvino`.
sys.modules.setdefault("openvino_telemetry", None)

# Small enough to train in seconds; every part of the real system is there.
TINY = (
    "crop.size=[32,32]",
    "window.predict=[-700,-500]",
    "slice_training.epochs=2",
    "slice_training.batch=8",
    "slice_training.keep=last",
    "patient_training.epochs=3",
    "patient_training.keep=last",
    "patient_training.batch=3",
    "patient_net.scales=[1,2]",
    "patient_net.refinements=1",
    "patient_net.heads=2",
    "patient_net.head_size=4",
    "patient_net.reduction=8",
)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """What is compiled is kept in a folder of the tests, not of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFCOVID_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_settings() -> list[str]:
    """Changes to the shipped config `demo`, as load_config takes them."""
    return list(TINY)


@pytest.fixture(scope="session")
def tiny(tiny_settings):
    from tfcovid.config import load_config

    return load_config("demo", tiny_settings)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> SimpleNamespace:
    """Three patients of each class as DICOM, listed with one of each in train, val and test.

    folder, slice_labels, entries, manifest.
    """
    from tfcovid.data import assign_splits, index_class_folders, write_manifest
    from tfcovid.phantom import write_cohort

    folder = write_cohort(tmp_path_factory.mktemp("cohort") / "scans", patients=3, shape=(8, 64, 64), workers=1)
    slice_labels = folder.with_name("scans_masks") / "slice_labels.csv"
    entries = index_class_folders(folder, slice_labels)
    entries = assign_splits(entries, {"train": 0.34, "val": 0.33, "test": 0.33})
    manifest = folder.with_name("manifest.csv")
    write_manifest(entries, manifest)
    return SimpleNamespace(folder=folder, slice_labels=slice_labels, entries=entries, manifest=manifest)


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("prepared") / "store"


@pytest.fixture(scope="session")
def prepared(tiny, cohort, store) -> list:
    """The cohort as it lies in the store, in the order of its entries."""
    from tfcovid.data import prepare

    done, failed = prepare(tiny, cohort.entries, store)
    assert not failed
    return done


@pytest.fixture(scope="session")
def bundle(tiny, cohort, prepared, store, tmp_path_factory) -> Path:
    """A trained system; it knows nothing, but every part of it runs."""
    from tfcovid.training import train

    folder, failed = train(tiny, cohort.entries, tmp_path_factory.mktemp("trained") / "bundle", store)
    assert not failed
    return folder


@pytest.fixture(scope="session")
def system(bundle):
    from tfcovid.inference import load

    return load(bundle)


@pytest.fixture(scope="session")
def held_out(cohort) -> Path:
    """The DICOM folder of a diseased patient of the test split."""
    return next(entry.scan for entry in cohort.entries if entry.split == "test" and entry.label == "covid-19")


@pytest.fixture
def run():
    """Calls tfcovid in this process; nothing but an exit code may come out of it, never a traceback."""
    from click.testing import CliRunner

    from tfcovid.cli import main

    def call(*words):
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise AssertionError(f"tfcovid {' '.join(map(str, words))}: a traceback") from result.exception
        return result

    return call


@pytest.fixture(scope="session")
def outlined(cohort) -> list:
    """The entries of the cohort with their splits and masks."""
    from dataclasses import replace

    from tfcovid.data.layouts.phantom import phantom

    split = {entry.scan: entry.split for entry in cohort.entries}
    return [replace(entry, split=split[entry.scan]) for entry in phantom(cohort.folder)]


@pytest.fixture(scope="session")
def tiny_lungs():
    """A segmenter of slices that learns in seconds where the lungs of a phantom are."""
    from tfcovid.config import Segmenter

    return Segmenter(
        name="tiny_lungs",
        labels=("background", "lung"),
        network={"kind": "attention_unet", "variant": "attention_unet_compact", "size": (32, 32)},
        training={"epochs": 3, "batch": 4, "learning_rate": 0.002, "samples": 8, "optimizer": "adam", "keep": "last"},
    )


@pytest.fixture(scope="session")
def tiny_infection():
    """A segmenter of patches that takes clicks; it learns nothing, but every part of it runs."""
    from tfcovid.config import Segmenter

    network = {"kind": "unet3d", "variant": "unet3d_compact", "patch": (8, 16, 16), "spacing": (20, 6, 6)}
    return Segmenter(
        name="tiny_infection",
        labels=("background", "infection"),
        network=network | {"guidance": {"clicks": 2, "sigma": 12}},
        training={"epochs": 2, "batch": 4, "learning_rate": 0.001, "samples": 3},
    )


@pytest.fixture(scope="session")
def lungs_bundle(tiny_lungs, outlined, tmp_path_factory) -> Path:
    from tfcovid.training import train_segmenter

    folder, failed = train_segmenter(tiny_lungs, outlined, tmp_path_factory.mktemp("segmenter") / "tiny_lungs")
    assert not failed
    return folder


@pytest.fixture(scope="session")
def infection_bundle(tiny_infection, outlined, tmp_path_factory) -> Path:
    from tfcovid.training import train_segmenter

    folder, failed = train_segmenter(tiny_infection, outlined, tmp_path_factory.mktemp("segmenter") / "tiny_infection")
    assert not failed
    return folder
