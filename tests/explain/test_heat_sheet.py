import numpy as np

from tfcovid.explain import heat_sheet


def test_equal_values_have_equal_colours_whatever_else_is_in_the_slice():
    grey = np.full((2, 16, 16), 0.3)
    heat = np.zeros((2, 16, 16))
    heat[:, 4:8, 4:8] = 0.4
    heat[1, 10:14, 10:14] = 1.0
    figure = heat_sheet(grey, heat, ["slice 1", "slice 0"], "ill")
    first, second = (one.images[0].get_array() for one in figure.axes[:2])
    assert [one.get_title() for one in figure.axes[:2]] == ["slice 1", "slice 0"]
    assert first.shape == (440, 220, 3)
    place = 220 + 6 * 220 // 16, 6 * 220 // 16
    np.testing.assert_allclose(first[place], second[place])
    assert (first[:220] == first[0, 0]).all(), "the slice itself stays as it is"


def test_sides_and_notice_are_written_and_a_label_is_no_formula(tmp_path):
    figure = heat_sheet(
        np.zeros((1, 9, 9)), np.zeros((1, 9, 9)), ["a"], r"$\bad{$", sides=("R", "L?"), notice="No. " * 40
    )
    figure.savefig(tmp_path / "sheet.png")
    assert [one.get_text() for one in figure.axes[0].texts] == ["R", "L?"]
    notice = figure.get_supxlabel()
    assert notice.count("No.") == 40 and "\n" in notice
    # Nothing lies over anything, and nothing is cut off.
    boxes = [one.get_tightbbox() for one in (figure.axes[0], figure.axes[1], figure._supxlabel)]
    assert boxes[0].y0 > boxes[1].y1 > boxes[1].y0 > boxes[2].y1 and boxes[2].y0 >= 0
