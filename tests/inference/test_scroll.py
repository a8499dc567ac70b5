import base64
import json
import re

import cv2
import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.inference.scroll import write_scroll
from tfcovid.report.mask_colours import mask_colours
from tfcovid.scans import Scan

LABELS = ("background", "left lung", "infection")


@pytest.fixture
def scan():
    hu = np.full((6, 30, 40), -600, np.int16)
    hu[:, :, :20] = -1024
    return Scan.from_array(hu, (5.0, 1.0, 1.0))


@pytest.fixture
def masks():
    masks = np.zeros((6, 30, 40), np.uint8)
    masks[1:4, 5:15, 5:15], masks[3, 6:9, 6:9], masks[2, 20:25] = 1, 2, 255
    return masks


def _page(path):
    page = path.read_text(encoding="utf-8")
    return page, json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page).group(1))


def _picture(text):
    return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)


def test_slices_and_masks_lie_over_each_other(scan, masks, tmp_path):
    write_scroll(scan, masks, LABELS, tmp_path / "scroll.html")
    _, data = _page(tmp_path / "scroll.html")
    assert len(data["ct"]) == len(data["masks"]) == 6
    grey, mask = _picture(data["ct"][3]), _picture(data["masks"][3])
    assert grey.shape == (30, 40) and abs(grey[10, [5, 30]].astype(int) - [55, 128]).max() < 5
    shown = np.concatenate([mask_colours(LABELS), [[0], [255], [255]]], axis=1)[masks[3]]
    np.testing.assert_array_equal(mask[..., [2, 1, 0, 3]], shown)


def test_it_opens_where_most_of_the_infection_is_and_says_what_a_slice_shows(scan, masks, tmp_path):
    write_scroll(scan, masks, LABELS, tmp_path / "scroll.html")
    _, data = _page(tmp_path / "scroll.html")
    assert data["start"] == 3
    assert data["said"][2] == "Slice 2 of 0 to 5: left lung" and data["said"][4] == "Slice 4 of 0 to 5: no mask"
    assert data["said"][3] == "Slice 3 of 0 to 5: left lung, infection"
    assert [bool(text) for text in data["masks"]] == [False, True, True, True, False, False]
    write_scroll(scan, np.zeros_like(masks), LABELS, tmp_path / "scroll.html")
    assert _page(tmp_path / "scroll.html")[1]["start"] == 3


def test_nothing_is_loaded_and_no_name_breaks_out(scan, masks, tmp_path):
    labels = ("background", "</script><b>", "infection")
    write_scroll(scan, masks, labels, tmp_path / "a.html", title="<i>", notice="Research use only. A & B")
    page, data = _page(tmp_path / "a.html")
    assert data["said"][1].endswith("</script><b>") and "<b>" not in page and "<i>" not in page
    assert "Research use only. A &amp; B" in page and "default-src 'none'" in page
    assert not re.search(r"https?://|@[A-Z]+@", page)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_every_control_has_a_name(scan, masks, tmp_path):
    write_scroll(scan, masks, LABELS, tmp_path / "scroll.html")
    page, _ = _page(tmp_path / "scroll.html")
    controls = re.findall(r"<input[^>]*>", page)
    assert len(controls) == 3
    for control in controls:
        assert "aria-label=" in control or re.search(rf"<label>[^<]*{re.escape(control)}[^<]*</label>", page), control


def test_noise_in_many_slices_stays_below_the_budget(tmp_path, monkeypatch):
    monkeypatch.setattr("tfcovid.inference.scroll._BUDGET", 7_000_000 * 12 // 300)
    noise = np.random.default_rng(0).normal(-600, 150, (12, 512, 512)).astype(np.int16)
    scan = Scan.from_array(noise, (1.0, 0.7, 0.7))
    write_scroll(scan, np.ones(noise.shape, np.uint8), LABELS, tmp_path / "scroll.html")
    _, data = _page(tmp_path / "scroll.html")
    assert _picture(data["ct"][0]).shape == (384, 384)
    assert (tmp_path / "scroll.html").stat().st_size * 300 / 12 < 10_000_000


def test_pixels_that_are_not_square_are_shown_in_proportion(masks, tmp_path):
    scan = Scan.from_array(np.zeros((6, 30, 40), np.int16), (5.0, 2.0, 1.0))
    write_scroll(scan, masks, LABELS, tmp_path / "scroll.html")
    page, data = _page(tmp_path / "scroll.html")
    assert 'width="27" height="40"' in page and _picture(data["ct"][0]).shape == (40, 27)


def test_a_mask_of_another_shape_is_refused(scan, masks, tmp_path):
    with pytest.raises(InputError, match=r"Received: \(5, 30, 40\)"):
        write_scroll(scan, masks[1:], LABELS, tmp_path / "scroll.html")
    assert not list(tmp_path.iterdir())
