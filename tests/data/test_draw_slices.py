from collections import Counter

import numpy as np
import pytest

from tfcovid.data.draw_slices import draw_slices

SCANS = np.repeat([0, 1, 2, 3], [40, 30, 5, 20])
TARGETS = np.where(np.arange(95) % 10 == 3, -1, np.repeat([0, 0, 1, 2], [40, 30, 5, 20]))


def draw(epoch=0, **options):
    return draw_slices(TARGETS, SCANS, 7, epoch, **options)


def drawn(counts, of):
    return Counter(np.repeat(of, counts).tolist())


def test_without_options_every_labelled_slice_is_drawn_once():
    np.testing.assert_array_equal(draw(), TARGETS >= 0)


def test_some_of_every_scan_without_repeats_and_fewer_where_there_are_fewer():
    counts = draw(slices=16)
    assert counts.max() == 1 and not counts[TARGETS < 0].any()
    labelled = Counter(SCANS[TARGETS >= 0].tolist())
    assert drawn(counts, SCANS) == {0: 16, 1: 16, 2: labelled[2], 3: 16} and labelled[2] < 16


def test_every_slice_of_a_scan_has_the_same_chance():
    often = sum(draw(epoch, slices=9)[:40] for epoch in range(400))
    chosen = often[TARGETS[:40] >= 0]
    assert chosen.sum() == 3600 and 65 < chosen.min() <= chosen.max() < 140  # 100 expected, deviation 9


@pytest.mark.parametrize("slices", [None, 16, 3])
def test_balance_draws_classes_equally_often_and_as_many_slices_in_all(slices):
    plain, counts = draw(slices=slices), draw(slices=slices, balance=True)
    assert counts.sum() == plain.sum() and not counts[TARGETS < 0].any()
    per_class = drawn(counts, TARGETS)
    assert set(per_class) == {0, 1, 2} and max(per_class.values()) - min(per_class.values()) <= 1
    for label in per_class:  # none repeats before every other of its class is drawn
        times = counts[label == TARGETS]
        assert times.max() - times.min() <= 1


def test_a_rarer_class_takes_slices_left_out_before_it_repeats():
    targets, scans = np.repeat([0, 0, 0, 1], 10), np.repeat([0, 1, 2, 3], 10)
    counts = draw_slices(targets, scans, 0, 0, slices=4, balance=True)
    assert drawn(counts, targets) == {0: 8, 1: 8} and counts.max() == 1
    np.testing.assert_array_less(np.bincount(scans, counts)[:3], 4.5)


def test_a_draw_follows_from_seed_and_epoch():
    np.testing.assert_array_equal(draw(3, slices=5, balance=True), draw(3, slices=5, balance=True))
    assert any(draw(3, slices=5) != draw(4, slices=5))
    assert any(draw(3, slices=5) != draw_slices(TARGETS, SCANS, 8, 3, slices=5))


def test_nothing_labelled_is_nothing_drawn():
    assert not draw_slices(np.full(4, -1), np.zeros(4, int), 0, 0, slices=2, balance=True).any()
