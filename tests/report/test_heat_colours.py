import numpy as np

from tfcovid.report.heat_colours import heat_overlay, heat_scale


def test_nothing_is_drawn_where_the_map_is_0_and_warm_is_more_red():
    seen = heat_overlay(np.full(3, 0.3), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(seen[0], 0.3)
    assert seen[2, 0] > seen[1, 0] > seen[0, 0] and (seen[1:, 0] > seen[1:, 2] + 0.1).all()


def test_the_scale_shows_colours_as_they_look_over_lung():
    np.testing.assert_allclose(heat_scale(3), heat_overlay(np.full(3, 0.25), np.array([0, 0.5, 1])))
