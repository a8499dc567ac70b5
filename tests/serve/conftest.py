from pathlib import Path

import numpy as np
import pytest

from tests.serve.grpc_double import grpc_double
from tests.serve.rest_double import rest_double
from tests.serve.served_double import Served
from tests.serve.tiny_model import TinyModel
from tfcovid.scans import Scan
from tfcovid.serve import ServedModel, ask_scan


@pytest.fixture(scope="session")
def tiny_saved(tmp_path_factory) -> Path:
    """A SavedModel of `TinyModel`."""
    folder = tmp_path_factory.mktemp("tiny_saved") / "1"
    TinyModel().save(folder)
    return folder


@pytest.fixture
def served(tiny_saved) -> Served:
    return Served("tiny", tiny_saved)


@pytest.fixture(params=["http", "grpc"])
def url(request, served):
    """Of each way to ask `served`."""
    with (rest_double if request.param == "http" else grpc_double)(served) as address:
        yield address


@pytest.fixture(scope="session")
def chest() -> Scan:
    """Five slices of 20 x 24, in an oblique frame; the share of pixels above 0 HU grows."""
    hu = np.full((5, 20, 24), -1000, np.int16)
    hu[:, 2:18, 2:22] = 40
    for k in range(5):
        hu[k, 6 : 14 - k, 4:20] = -800
    return Scan.from_array(hu, (3.0, 0.7, 0.8))


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    """Retries follow at once; what was waited for is listed."""
    waits = []
    monkeypatch.setattr("tfcovid.serve.patiently.sleep", waits.append)
    return waits


@pytest.fixture
def asked(url, chest):
    """Has a scan, by itself `chest`, read by `served`."""
    model = ServedModel(url, "tiny")
    return lambda scan=chest, *words, **named: ask_scan(model, scan, *words, **named)
