import numpy as np
from scipy import ndimage

from tfcovid.export.graph.filled import filled
from tfcovid.export.graph.largest_components import largest_components
from tfcovid.export.graph.runs import runs
from tfcovid.preprocess import largest_components as expected_mask


def kept(mask, per_slice=False):
    return filled(largest_components(runs(mask), mask.shape, per_slice=per_slice), mask.shape)


def clouds(seed):
    noise = np.random.default_rng(seed).normal(size=(6, 40, 50))
    return ndimage.gaussian_filter(noise, 1.5) > 0.05


def test_what_is_kept_of_a_scan_is_what_preprocess_keeps():
    for seed in range(6):
        mask = clouds(seed)
        np.testing.assert_array_equal(kept(mask), expected_mask(mask))
        assert kept(mask).numpy().sum() < mask.sum()


def test_slices_by_themselves_keep_what_each_would():
    mask = clouds(7)
    mask[2] = False
    np.testing.assert_array_equal(kept(mask, per_slice=True), [expected_mask(one[None])[0] for one in mask])


def test_a_share_is_met_to_the_voxel():
    mask = np.zeros((1, 10, 60), bool)
    mask[0, 1, :40] = mask[0, 3, :2] = mask[0, 5, 0] = True  # 40, 2 and 1: of the largest 5 %, and less
    assert kept(mask).numpy().sum() == expected_mask(mask).sum() == 42
