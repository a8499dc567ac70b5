import numpy as np

from tfcovid.explain import heat_overlay, heat_sheet


def test_nothing_is_drawn_where_the_map_is_0_and_warm_is_more_red():
    seen = heat_overlay(np.full(3, 0.3), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(seen[0], 0.3)
    assert seen[2, 0] > seen[1, 0] > seen[0, 0] and (seen[1:, 0] > seen[1:, 2] + 0.1).all()


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
