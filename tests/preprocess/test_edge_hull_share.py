import numpy as np
import pytest

from tfcovid.preprocess.edge_hull_share import edge_hull_share

ROW, COLUMN = np.indices((200, 200))


def disc(row, column, radius):
    return (ROW - row) ** 2 + (COLUMN - column) ** 2 <= radius**2


@pytest.mark.parametrize(
    "air",
    [ROW + COLUMN < 80, ~disc(100, 100, 90), ~disc(150, 100, 120) & (ROW < 150)],
    ids=["a corner", "all around", "three sides"],
)
def test_air_about_a_convex_body_lies_within_the_hull(air):
    assert edge_hull_share(air) == 1


def test_a_lung_that_the_edge_cuts_off_bulges_out_of_it():
    assert edge_hull_share(disc(100, 30, 60)) == pytest.approx(0, abs=0.02), "only the edge's own column"
    quarter = 2 / np.pi  # a triangle of r * r / 2 in a quarter disc
    assert edge_hull_share(disc(0, 0, 150)) == pytest.approx(quarter, abs=0.01)
