"""A diagnosis made by hand: two lungs in a body, a lesion in the patient's left lung on slices 4 to 6 of 10."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tfcovid.data.network_slices import NetworkSlices
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.segmentation import Segmentation
from tfcovid.scans import Scan
from tfcovid.scans.finding import found

CARD = "# tiny\n\nA card.\n\n| figure | value |\n|---|---|\n| accuracy | 0.9 |\n"


@pytest.fixture
def diagnosis(tiny) -> Diagnosis:
    hu = np.full((10, 64, 80), -1000, np.int16)
    hu[:, 8:56, 8:72] = 40
    hu[:, 16:48, 14:36] = hu[:, 16:48, 44:66] = -850
    hu[4:7, 30:40, 48:60] = 0
    scan = Scan.from_array(hu, (5.0, 4.0, 4.0), findings=(found("uneven-spacing", "Distances from 4 to 6 mm."),))
    read = np.arange(1, 10)  # the first slice was not
    small_map = np.zeros((9, 8, 8), np.float32)
    small_map[3:6, 3:5, 5:7] = [[[0.6]], [[1.0]], [[0.8]]]
    ill = np.where((read >= 4) & (read < 7), 0.9, 0.1)
    slices = NetworkSlices(
        hu=np.zeros((9, 32, 32), np.int16),
        index=read,
        boxes=np.tile(np.array([0, 0, 64, 80], np.int32), (9, 1)),
        without_lung=np.arange(9) == 0,
        lungs=None,
    )
    answers = np.array([[0.1, 0.7, 0.1, 0.1], [0.2, 0.5, 0.2, 0.1]])
    return Diagnosis(
        scan=scan,
        labels=tiny.labels,
        label="covid-19",
        by_window={-700.0: answers[0], -500.0: answers[1]},
        slices=slices,
        slice_probabilities=np.stack([1 - ill, ill, 0 * ill, 0 * ill], axis=1),
        lesion_probabilities=ill,
        small_map=small_map,
        settings=tiny.model_dump(mode="json"),
        bundle={"format": 1, "name": "tiny", "weights_sha256": {"slice": "741bac"}},
        timings={"crop": 0.1, "networks": 0.2},
        answers=answers,
        sources={"windows": 2, "draws": 1},
        card=CARD,
    )


@pytest.fixture
def segmented(diagnosis) -> Diagnosis:
    sides = np.zeros(diagnosis.scan.shape, np.uint8)
    sides[:, 16:48, 44:66], sides[:, 16:48, 14:36] = 1, 2
    infection = np.zeros(sides.shape, bool)
    infection[4:7, 30:40, 48:60] = True
    settings = {"name": "tiny_infection", "notice": ""}
    outlined = Segmentation(diagnosis.scan, sides, infection, None, settings, {"name": "tiny_infection"}, {})
    return replace(diagnosis, segmentation=outlined)


@pytest.fixture(scope="session")
def browser():
    """Chromium, as the machine or Playwright has it; where TFCOVID_BROWSER is set its absence is a failure."""
    absent = pytest.fail if os.environ.get("TFCOVID_BROWSER") else pytest.skip
    try:
        from playwright import sync_api as api
    except ImportError:
        absent("no playwright: pip install playwright, to look at reports in a browser")
    with api.sync_playwright() as playwright:
        there = [path for path in (playwright.chromium.executable_path, shutil.which("chromium")) if path]
        there = [path for path in there if Path(path).is_file()]
        if not there:
            absent("no Chromium: `playwright install chromium`, or that of the system")
        opened = playwright.chromium.launch(executable_path=there[0], args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """Opens a file and gives the page; fails at the end if the page said a word or asked for anything."""
    pages, noise = [], []

    def opened(path, width=1280, scheme="light", **options):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("request", lambda request: noise.append(request.url[:99]) if _goes_out(request.url) else None)
        pages.append(page)
        page.goto(path.as_uri())
        return page

    yield opened
    for page in pages:
        page.close()
    assert not noise


def _goes_out(url: str) -> bool:
    return not url.startswith(("file:", "data:"))
