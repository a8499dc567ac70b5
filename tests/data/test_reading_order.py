from itertools import pairwise

import numpy as np

from tfcovid.data.reading_order import reading_order

SHARDS = np.repeat(np.arange(100), 50)
ONCE = np.ones(5000, int)


def test_every_drawing_comes_once():
    counts = np.random.default_rng(0).integers(0, 4, 5000)
    order = reading_order(counts, SHARDS, 1, 2, block=256)
    np.testing.assert_array_equal(np.bincount(order, minlength=5000), counts)


def test_a_block_holds_short_runs_of_many_shards():
    order = reading_order(ONCE, SHARDS, 0, 0, block=256)
    for block in np.split(order[: 12 * 256], 12):  # of the first 64 shards
        shards = SHARDS[block]
        assert len(set(shards.tolist())) == 64
        for shard in set(shards.tolist()):
            run = np.sort(block[shards == shard])
            assert 2 <= len(run) <= 6 and (np.diff(run) == 1).all()


def test_blocks_are_shuffled_and_shards_come_in_another_order_each_epoch():
    one, other = (reading_order(ONCE, SHARDS, 0, epoch, block=256) for epoch in (0, 1))
    np.testing.assert_array_equal(one, reading_order(ONCE, SHARDS, 0, 0, block=256))
    assert set(SHARDS[one[:3200]].tolist()) != set(SHARDS[other[:3200]].tolist())
    assert sum(b == a + 1 for a, b in pairwise(one.tolist())) < 150


def test_a_slice_drawn_again_comes_with_another_visit_to_its_shard():
    counts = np.where(SHARDS < 10, 20, 0)
    order = reading_order(counts, SHARDS, 0, 0, block=100, interleaved=10)
    for block in np.split(order, 100):  # ten visits to ten shards at a time
        assert len(set(block.tolist())) > 40
