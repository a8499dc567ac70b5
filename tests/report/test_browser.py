"""Reports in a real browser; skipped where there is none."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import score
from tfcovid.inference.scroll import write_scroll
from tfcovid.report import write_cohort_report, write_report


@pytest.fixture
def report(segmented, tmp_path):
    write_report(segmented, tmp_path / "report.html")
    return tmp_path / "report.html"


def lit(page, drawn):
    """The picture, once this slice and these overlays are drawn."""
    page.wait_for_selector(f"#view[data-drawn='{drawn}']")
    return page.evaluate("document.getElementById('view').toDataURL()")


def test_the_slider_turns_the_picture_and_keys_do_too(report, visit):
    page = visit(report)
    where, slider = page.locator("#where"), page.locator("#slice")
    first = lit(page, "5 masks")
    assert where.text_content().startswith("Slice 5 of 0 to 9")
    slider.fill("9")
    assert where.text_content().startswith("Slice 9") and lit(page, "9 masks") != first
    slider.press("Home")
    assert where.text_content() == "Slice 0 of 0 to 9. Not read by the network."
    slider.press("End")
    slider.press("ArrowLeft")
    assert where.text_content().startswith("Slice 8") and slider.get_attribute("aria-valuetext").startswith("Slice 8")
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")  # turns slices from anywhere
    assert slider.input_value() == "9"


def test_the_strip_and_the_key_slices_lead_to_their_slice(report, visit):
    page = visit(report)
    page.locator("#strip").scroll_into_view_if_needed()
    box = page.locator("#strip").bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 10)  # the third of ten
    assert page.locator("#slice").input_value() == "2"
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 30)
    page.mouse.up()
    assert page.locator("#slice").input_value() == "7"
    page.locator(".keys [data-slice]").last.click()
    assert page.locator("#slice").input_value() == "6"
    page.locator("[data-step='-1']").click()
    assert page.locator("#slice").input_value() == "5"


def test_m_hides_the_overlays_everywhere_and_shows_those_that_were_there(report, visit):
    page = visit(report)
    assert not page.locator(".keys .over.heat").first.is_visible()  # outlines of infection are shown without it
    page.locator("input[data-layer=heat]").check()
    both = lit(page, "5 heat masks")
    page.locator("input[data-layer=masks]").uncheck()
    heat = lit(page, "5 heat")
    page.keyboard.press("m")
    bare = lit(page, "5")
    assert len({both, heat, bare}) == 3 and not page.locator("input[data-layer=heat]").is_checked()
    assert not page.locator(".keys .over.heat").first.is_visible()
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(bare.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (64, 80, 3) and (pixels[..., 0] == pixels[..., 2]).all()  # grey
    page.keyboard.press("m")
    assert lit(page, "5 heat") == heat and not page.locator("input[data-layer=masks]").is_checked()


def test_keys_do_what_the_place_they_are_pressed_in_asks_for(report, visit):
    page = visit(report, 400)
    page.locator("#slice").fill("5")
    page.locator(".wide").first.press("ArrowRight")  # scrolls the table
    page.locator("input[data-layer=heat]").check()
    page.locator("#opacity").press("ArrowLeft")
    assert page.locator("#slice").input_value() == "5" and page.locator("#opacity").input_value() == "99"
    lit(page, "5 heat masks")
    page.locator("#opacity").press("m")
    lit(page, "5")


def test_the_wheel_scrolls_the_page_until_the_slider_is_chosen(report, visit):
    page = visit(report)
    page.locator("#view").hover()
    page.mouse.wheel(0, 100)
    page.wait_for_timeout(100)
    assert page.locator("#slice").input_value() == "5"
    page.locator("#view").click()
    page.mouse.wheel(0, -100)
    lit(page, "6 masks")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_a_report_fits_the_screen_in_both_colour_schemes(report, visit, width, scheme):
    page = visit(report, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    red, *_ = (int(part) for part in page.evaluate("getComputedStyle(document.body).backgroundColor")[4:-1].split(","))
    assert (red > 200) == (scheme == "light")
    view, keys = page.locator("#view").bounding_box(), page.locator(".keys").bounding_box()
    assert (view["x"] > keys["x"] + keys["width"]) == (width == 1280)
    assert view["width"] > 0.8 * min(width, 450) and view["height"] / view["width"] == pytest.approx(0.8, abs=0.01)


def test_paper_gets_the_key_slices_the_tables_and_the_card_without_controls(report, visit, diagnosis):
    page = visit(report)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    hidden = ["#view", "#slice", "[data-step]", "input[data-layer]"]
    assert not any(page.locator(name).first.is_visible() for name in hidden)
    shown = [".keys .plain img", ".keys .over.masks", "#strip svg", ".callout", "table.odds", ".card", "pre"]
    assert [name for name in shown if not page.locator(name).first.is_visible()] == []
    assert page.pdf(format="A4")[:5] == b"%PDF-"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_without_scripts_the_key_slices_are_still_there(report, visit):
    page = visit(report, java_script_enabled=False)
    assert page.locator(".keys .stack img").first.is_visible() and page.locator("noscript").is_visible()


def test_a_single_slice_has_no_slider_and_no_errors(diagnosis, tmp_path, visit):
    parts = {name: value[4:5] for name, value in vars(diagnosis.slices).items() if value is not None}
    slices = replace(diagnosis.slices, **{**parts, "index": np.array([0])})
    some = {
        name: getattr(diagnosis, name)[4:5] for name in ("slice_probabilities", "lesion_probabilities", "small_map")
    }
    scan = replace(diagnosis.scan, voxels=diagnosis.scan.voxels[5:6])
    write_report(replace(diagnosis, scan=scan, slices=slices, **some), tmp_path / "one.html")
    page = visit(tmp_path / "one.html", 400)
    warm = lit(page, "0 heat")
    assert page.locator(".ramp").is_visible()
    page.keyboard.press("m")
    assert lit(page, "0") != warm and page.locator("#slice").count() == 0


def test_masks_alone_can_be_scrolled_through_hidden_and_made_fainter(segmented, tmp_path, visit):
    found = segmented.segmentation
    write_scroll(segmented.scan, found.masks, found.outlined, tmp_path / "scroll.html")
    page = visit(tmp_path / "scroll.html", 400)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    faint = lit(page, "4 masks")
    page.locator("#opacity").fill("100")
    full = lit(page, "4 masks")
    page.keyboard.press("m")
    assert len({faint, full, lit(page, "4")}) == 3
    page.locator("#slice").press("ArrowUp")
    assert page.locator("#where").text_content() == "Slice 5 of 0 to 9: left lung, right lung, infection"


def test_cases_can_be_sorted_and_filtered(tmp_path, visit):
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    truth = np.array([0, 1, 1, 0])
    cases = Predictions(("no", "yes"), tuple("abcd"), tuple("PPQR"), truth, probabilities, probabilities.argmax(axis=1))
    write_cohort_report(score(cases, 100), cases, tmp_path / "all.html", title="Test", notice="Research use only.")
    page = visit(tmp_path / "all.html", 400)
    assert page.evaluate("document.documentElement.scrollWidth") == 400

    def shown():
        return [row.locator("th").text_content() for row in page.locator("#cases tbody tr:visible").all()]

    assert shown() == ["0002", "0003"]
    page.locator("#wrong").uncheck()
    assert page.locator("#count").text_content() == "4 of 4 shown"
    head = page.locator("#cases th[scope=col]", has_text="p yes")
    head.locator("button").click()
    assert shown() == ["0000", "0002", "0003", "0001"] and head.get_attribute("aria-sort") == "ascending"
    head.locator("button").press("Enter")
    assert shown() == ["0001", "0003", "0002", "0000"] and head.get_attribute("aria-sort") == "descending"
