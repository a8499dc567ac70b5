import base64
import hashlib
import json
import re
from dataclasses import replace

import cv2
import numpy as np

from tfcovid.report import viewer, write_report
from tfcovid.scans import Scan
from tfcovid.scans.finding import found


def written(diagnosis, folder, **options):
    write_report(diagnosis, folder / "report.html", **options)
    page = (folder / "report.html").read_text(encoding="utf-8")
    return page, json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page).group(1))


def seen(text):
    return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_answer_comes_first_and_the_notice_above_and_below(diagnosis, tmp_path):
    page, _ = written(diagnosis, tmp_path)
    order = [
        "Research use only",
        "<h1>covid-19</h1>",
        "Probability <b>0.600</b>",
        "2 single answers say 0.500 to 0.700",
    ]
    order += ["Refer to a radiologist", "below 0.70", ">healthy<", "0.100 to 0.200", 'class="keys"', 'id="view"']
    order += [
        "Probability by the CT window",
        "Distances from 4 to 6 mm.",
        "Model card",
        "Bundle and settings",
        "741bac",
        "refer_below",
        "Research use only",
        "tfcovid ",
    ]
    places, at = [], 0
    for words in order:
        at = page.find(words, at)
        places.append(at)
    assert -1 not in places, order[places.index(-1)]


def test_no_alarm_without_a_reason_and_what_is_unlike_training_is_said(diagnosis, tmp_path):
    sure = np.array([[0.02, 0.94, 0.02, 0.02]])
    calm = replace(diagnosis, answers=sure, by_window={-600.0: sure[0]}, unlike_training=[])
    page, _ = written(calm, tmp_path)
    assert "Refer to a radiologist" not in page and "Unlike the scans" not in page and "One answer" in page
    assert "are like those of the training scans" in page
    page, _ = written(replace(calm, unlike_training=["slices: 9; in training 100 to 300"]), tmp_path)
    assert "Slices: 9; in training 100 to 300" in page and "Refer to a radiologist" in page


def test_pictures_show_the_slices_and_the_map_lies_on_its_lesion(diagnosis, tmp_path):
    _, data = written(diagnosis, tmp_path)
    assert len(data["ct"]) == 10 and data["start"] == 5
    assert [bool(one) for one in data["heat"]] == [k in (4, 5, 6) for k in range(10)]
    grey, heat = seen(data["ct"][5]), seen(data["heat"][5])
    assert grey.shape == (64, 80) and heat.shape == (64, 80, 4)
    assert grey[35, 54] > 200 > 120 > grey[20, 20]
    mass = heat[..., 3].astype(float)
    rows, columns = (np.average(at, weights=mass) for at in np.indices(mass.shape))
    np.testing.assert_allclose((rows, columns), (32, 60), atol=1)
    assert not mass[:, :40].any() and (heat[mass > 0][:, 2] > heat[mass > 0][:, 0]).all()  # red above blue
    assert seen(data["heat"][4])[..., 3].max() < mass.max()  # one scale for all
    assert data["said"][0] == "Slice 0 of 0 to 9. Not read by the network."
    assert data["said"][5] == "Slice 5 of 0 to 9, z 25.0 mm: lesion 0.90; alone called covid-19."
    assert data["said"][1].endswith("alone called healthy. No lung found.")


def test_only_a_network_that_learnt_lesions_says_lesion(diagnosis, tmp_path):
    page, data = written(replace(diagnosis, finds_lesions=False), tmp_path)
    assert "esion" not in re.sub("<style>.*?</style>|<script>.*?</script>|<pre>.*?</pre>", "", page, flags=re.S)
    assert "In 3 of 9 slices any label but healthy is likelier than not" in page and "Map of any label but" in page
    assert data["said"][5] == "Slice 5 of 0 to 9, z 25.0 mm: any label but healthy 0.90; alone called covid-19."


def test_a_threshold_of_its_own_is_said_and_drawn(diagnosis, tmp_path):
    settings = {**diagnosis.settings, "labels": ["no", "yes"], "threshold": 0.2}
    answers, slices = np.array([[0.7, 0.3]]), np.tile([0.7, 0.3], (9, 1))
    two = replace(
        diagnosis, labels=("no", "yes"), label="yes", settings=settings, answers=answers, finds_lesions=False,
        by_window={-600.0: answers[0]}, slice_probabilities=slices, lesion_probabilities=slices[:, 1],
    )  # fmt: skip
    page, data = written(two, tmp_path)
    assert "Probability <b>0.300</b>. yes is called from 0.2 on." in page
    assert "M0 80H10" in page and "dashed at 0.2" in page and data["said"][5].endswith("yes 0.30; alone called yes.")
    page, _ = written(replace(two, settings={**settings, "threshold": 0.5}), tmp_path)
    assert "is called from" not in page


def test_shares_of_slices_are_no_probabilities(diagnosis, tmp_path):
    net = {"kind": "nonparametric", "threshold": 0.99}
    page, _ = written(replace(diagnosis, settings={**diagnosis.settings, "patient_net": net}), tmp_path)
    assert "Share of slices <b>0.600</b>" in page and "healthy is called above a share of 0.99" in page
    assert "The confidence is the share of covid-19 among the slices that are not called healthy." in page
    assert page.count("Probability") == 1  # of a lesion in each slice
    assert "Share of slices by the CT window" in page


def test_sides_are_in_doubt_where_the_file_does_not_say(diagnosis, tmp_path):
    page, _ = written(diagnosis, tmp_path)
    marks = re.findall(r'<span class="(right|left)"[^>]*>([^<]*)</span>', page)
    assert (
        set(marks) == {("right", "R"), ("left", "L")} and len(marks) == 2 + 3 * 4
    )  # the viewer, and twice a key slice
    scan = replace(diagnosis.scan, findings=(found("no-orientation", "A picture."),))
    page, _ = written(replace(diagnosis, scan=scan), tmp_path)
    assert page.count(">R?<") == page.count(">L?<") == 7 and ">R<" not in page


def test_where_nothing_stands_out_nothing_is_said_to(diagnosis, tmp_path):
    page, _ = written(diagnosis, tmp_path)
    assert "Where the map is warmest" in page
    page, _ = written(replace(diagnosis, small_map=np.zeros_like(diagnosis.small_map)), tmp_path)
    assert "No slice stands out; this is the middle one." in page and "warmest" not in page


def test_outlines_and_lesions_of_a_segmentation_are_shown(segmented, tmp_path):
    page, data = written(segmented, tmp_path)
    lines = seen(data["masks"][5])
    infection = (lines == (20, 120, 255, 255)).all(axis=-1)
    assert infection[30, 50] and not infection[35, 54] and not lines[35, 54].any()  # a line, nothing within
    assert "Lesions" in page and 'data-slice="4" aria-label="Show slice 4"' in page
    assert re.search(r"left lung</th><td[^>]*>563</td><td[^>]*>28.8</td><td[^>]*>5.1</td>", page)
    assert "infection outlined" in page and "M4 106h1v10h-1zM5 106" in page
    lungs = replace(segmented, segmentation=replace(segmented.segmentation, infection=None))
    page, data = written(lungs, tmp_path)
    assert "infection outlined" not in page and "Lesions" not in page and data["masks"][5]
    assert re.search(r"left lung</th><td[^>]*>563</td><td[^>]*>&ndash;</td>", page)


def test_who_it_is_stands_there_only_where_asked_for(diagnosis, tmp_path):
    identity = {"PatientName": "DOE^JANE", "PatientID": "4711"}
    scan = replace(diagnosis.scan, identity=identity, sources=(tmp_path / "JANE_DOE" / "1.dcm",))
    named = replace(diagnosis, scan=scan)
    page, _ = written(named, tmp_path)
    assert not re.search(r"DOE|4711|\.dcm|\b(19|20)\d\d-\d\d", page)
    assert str(tmp_path) not in page
    page, _ = written(named, tmp_path, identity=identity | {"StudyDescription": "<b>Thorax"})
    assert "DOE^JANE" in page and "&lt;b&gt;Thorax" in page and page.index("4711") < page.index("<h1>")


def test_nothing_is_loaded_and_nothing_breaks_out(diagnosis, tmp_path):
    bad = "</script><img src=x onerror=alert(1)>"
    renamed = ("healthy", bad, "h1n1", "cap")
    settings = {**diagnosis.settings, "labels": list(renamed), "notice": bad}
    evil = replace(diagnosis, labels=renamed, label=bad, settings=settings, unlike_training=[bad])
    page, data = written(evil, tmp_path, card=f"# {bad}\n\n{bad}\n\n![x](https://a.org/x.png) [y](javascript:alert)")
    assert "<img src=x" not in page and page.count("</script>") == 2 and bad in data["said"][5]
    assert not re.search(r"(src|href)=[\"']?(https?:|//|javascript)", page)
    script = re.search(r"<script>(.*?)</script>", page, re.S).group(1)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in page and "default-src 'none'" in page
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_every_control_has_a_name(segmented, tmp_path):
    page, _ = written(segmented, tmp_path)
    for control in re.findall(r"<input[^>]*>", page):
        assert "aria-label=" in control or re.search(rf"<label>[^<]*{re.escape(control)}[^<]*</label>", page), control
    for name in re.findall(r'<button data-step[^>]*aria-label="([^"]*)"', page):
        assert name.startswith("One slice towards")


def test_one_slice_of_grey_levels_needs_no_slider(diagnosis, tmp_path):
    voxels = np.zeros((1, 64, 80), np.uint8)
    findings = diagnosis.scan.findings
    scan = Scan.from_array(voxels, units="8-bit", findings=(*findings, replace(findings[0], name="no-spacing")))
    parts = {name: value[:1] for name, value in vars(diagnosis.slices).items() if value is not None}
    slices = replace(diagnosis.slices, **{**parts, "index": np.array([0])})
    one = replace(
        diagnosis, scan=scan, slices=slices, small_map=None, slice_probabilities=diagnosis.slice_probabilities[:1],
        lesion_probabilities=diagnosis.lesion_probabilities[:1],
    )  # fmt: skip
    page, data = written(one, tmp_path)
    assert not re.search(r'<input|class="scale"|5 x 4 x 4 mm', page)
    assert data["said"] == ["The only slice: lesion 0.10; alone called healthy. No lung found."]


def test_noise_stays_below_fifteen_million_bytes(diagnosis, tmp_path, monkeypatch):
    # Twelve slices with their share of the budget, and a map as large as the picture.
    for name in ("_CT", "_HEAT", "_MASKS"):
        monkeypatch.setattr(viewer, name, getattr(viewer, name) * 12 / 300)
    rng = np.random.default_rng(0)
    noise = rng.normal(-600, 150, (12, 512, 512)).astype(np.int16)
    index = np.arange(12)
    parts = {"index": index, "boxes": np.tile(np.array([0, 0, 512, 512], np.int32), (12, 1))}
    chosen = replace(diagnosis.slices, **parts, without_lung=index < 0, hu=np.zeros((12, 8, 8), np.int16))
    noisy = replace(
        diagnosis, scan=Scan.from_array(noise, (1.0, 0.7, 0.7)), slices=chosen,
        small_map=rng.random((12, 24, 24), np.float32), lesion_probabilities=np.ones(12),
        slice_probabilities=np.tile([0.0, 1.0, 0.0, 0.0], (12, 1)),
    )  # fmt: skip
    _, data = written(noisy, tmp_path)
    pictures = sum(len(one) for kind in ("ct", "heat", "masks") for one in data[kind])
    rest = (tmp_path / "report.html").stat().st_size - pictures
    assert seen(data["ct"][0]).shape == (512, 512)
    assert pictures * 300 / 12 + rest < 15_000_000
