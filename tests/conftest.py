"""One small phantom cohort, its store and one trained bundle, made once for all tests that need them."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

if os.environ.get("KERAS_BACKEND") == "torch":
    import torch

    # Outputs of layers remember their gradients, and then refuse to become arrays.
    torch.Tensor.__array__ = lambda self, dtype=None, copy=None: self.detach().cpu().numpy()

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
