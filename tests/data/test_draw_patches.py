import numpy as np
import pytest

from tfcovid.data.draw_patches import draw_patches, even_slices


@pytest.fixture
def ill(volumes):
    """A solid volume with both labels, larger than the patch."""
    return next(volume for volume in volumes.solid if volume.entry.label == "covid-19")


def around(volume, starts, reach):
    """Share of patches whose middle, or a voxel up to `reach` of the side off it, has a label."""
    labels, found = np.load(volume.labels), []
    patch = np.array((8, 16, 16))
    for start in starts:
        middle, off = start + patch // 2, (patch * reach).astype(int)
        near = [slice(max(0, m - o), m + o + 1) for m, o in zip(middle, off, strict=True)]
        found.append(np.isin(labels[tuple(near)], (1, 2)).any())
    return np.mean(found)


def test_a_share_of_the_patches_lies_around_labels_and_every_label_is_drawn_alike(segmenters, ill):
    # Without padding nothing has to move inside the scan, so that every drawn voxel stays near the middle.
    settings = {"padding": "valid", "samples": 400}
    assert around(ill, draw_patches(ill, segmenters.solid(around_labels=0.999, **settings), [1]), 1 / 8) > 0.98
    some = around(ill, draw_patches(ill, segmenters.solid(around_labels=0.5, **settings), [1]), 1 / 8)
    none = around(ill, draw_patches(ill, segmenters.solid(around_labels=0.0, **settings), [1]), 1 / 8)
    assert some == pytest.approx((1 + none) / 2, abs=0.07) and none < 0.5
    # Infection is far rarer than lung, yet half of the patches are drawn for it.
    starts = draw_patches(ill, segmenters.solid(around_labels=0.999, **settings), [1])
    infected = np.load(ill.labels) == 2
    hit = [infected[tuple(slice(max(0, a), a + n) for a, n in zip(s, (8, 16, 16), strict=True))].any() for s in starts]
    assert np.mean(hit) > 0.5


@pytest.mark.parametrize("patch", [(8, 16, 16), (8, 64, 128)])
def test_patches_stay_inside_the_scan_or_hold_all_of_it(patch, segmenters, ill):
    starts = draw_patches(ill, segmenters.solid(patch=patch, samples=300), [1])
    spare = np.array(ill.shape) - patch
    assert (starts >= np.minimum(0, spare)).all() and (starts <= np.maximum(0, spare)).all()
    assert (starts.min(0) == np.minimum(0, spare)).all() and (starts.max(0) == np.maximum(0, spare)).all()


def test_without_padding_patches_reach_beyond_the_scan(segmenters, ill):
    starts = draw_patches(ill, segmenters.solid(padding="valid", samples=300, around_labels=0.0), [1])
    assert starts.min(0).tolist() == [-2, -5, -5]
    assert (starts.max(0) - (np.array(ill.shape) - (8, 16, 16))).tolist() == [2, 5, 5]


def test_no_slice_comes_again_before_all_were_drawn_and_those_with_a_label_come_first(segmenters, volumes):
    for volume in volumes.flat[:4]:
        labels = np.load(volume.labels)
        labelled = {k for k, one in enumerate(labels) if one.any()}
        for seed in range(20):
            starts = draw_patches(volume, segmenters.flat(samples=2, around_labels=0.999), [seed])
            assert set(starts[:, 0].tolist()) <= labelled and len(set(starts[:, 0].tolist())) == 2
            assert not starts[:, 1:].any()
        drawn = draw_patches(volume, segmenters.flat(samples=20), [3])[:, 0]
        assert sorted(drawn[:8].tolist()) == sorted(drawn[8:16].tolist()) == list(range(8))


def test_draws_follow_from_the_seed(segmenters, ill):
    draws = [draw_patches(ill, segmenters.solid(), [1, epoch, 2]).tolist() for epoch in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]


def test_a_scan_without_labels_is_drawn_anywhere(segmenters, ill, tmp_path):
    from dataclasses import replace

    np.save(tmp_path / "none.npy", np.zeros((0, 4), np.int32))
    empty = replace(ill, places=tmp_path / "none.npy")
    assert len(draw_patches(empty, segmenters.solid(), [1])) == 5
    assert len(draw_patches(replace(empty, ct=ill.ct), segmenters.flat(), [1])) == 5


def test_even_slices_reach_from_the_first_to_the_last(segmenters, volumes):
    assert even_slices(volumes.flat[0], segmenters.flat(samples=3))[:, 0].tolist() == [0, 4, 7]
    assert even_slices(volumes.flat[0], segmenters.flat(samples=99))[:, 0].tolist() == list(range(8))
