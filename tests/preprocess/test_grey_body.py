import numpy as np
import pytest

from tfcovid.preprocess.grey_body import grey_body

ROW, COLUMN = np.indices((160, 200))


def ellipse(row, column, high, wide):
    return ((ROW - row) / high) ** 2 + ((COLUMN - column) / wide) ** 2 <= 1


BODY, MUSCLE = ellipse(80, 100, 70, 90), ellipse(80, 100, 60, 80)
LUNGS = ellipse(80, 65, 45, 28) | ellipse(80, 135, 45, 28)


def chest(air, lung, fat, muscle):
    return np.select([LUNGS, MUSCLE, BODY], [lung, muscle, fat], air).astype(np.int16)


@pytest.mark.parametrize(
    "levels",
    [(45, 65, 190, 210), (0, 0, 190, 210), (0, 0, 90, 110), (-1000, -850, -100, 40)],
    ids=["lung window", "lungs as black as air", "wide window", "HU"],
)
def test_the_body_and_its_lungs_are_found_in_any_window(levels):
    body, dark = grey_body(chest(*levels))
    assert (body != BODY).mean() < 0.002 and (dark != LUNGS).mean() < 0.002


def test_bright_contrast_is_not_the_body_the_next_threshold_finds_it():
    heart = ellipse(70, 100, 40, 40)
    picture = chest(0, 0, 90, 110)
    picture[heart] = 255
    body, dark = grey_body(picture)
    assert (body != BODY).mean() < 0.002 and (dark != (LUNGS & ~heart)).mean() < 0.002


@pytest.mark.parametrize("lung, tissue", [(50, 200), (0, 110)])
def test_lungs_that_the_picture_cuts_off_stay(lung, tissue):
    picture = np.where(LUNGS, lung, tissue)[50:130, 50:150]  # both lungs reach a side and a corner of it
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1]] == lung).sum() == 2
    body, dark = grey_body(picture)
    assert body.all()
    assert (dark != (picture == lung)).mean() < 0.01


def test_a_plain_frame_about_the_picture_is_outside():
    picture = np.pad(chest(45, 65, 190, 210), 9, constant_values=255)
    body, dark = grey_body(picture)
    assert (body != np.pad(BODY, 9)).mean() < 0.002 and (dark != np.pad(LUNGS, 9)).mean() < 0.002


@pytest.mark.parametrize("picture", [np.zeros((32, 40)), np.where(LUNGS, 90, 0)], ids=["plain", "lungs alone"])
def test_where_no_body_is_found_all_is_body_and_nothing_is_lung(picture):
    body, dark = grey_body(picture)
    assert body.all() and not dark.any()
