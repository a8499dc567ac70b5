from functools import cache

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from sklearn.metrics import roc_auc_score

from tfcovid.errors import InputError
from tfcovid.phantom import DISEASES, make_phantom

TINY = (8, 64, 64)
SMALL = (16, 96, 96)


@cache
def phantom(disease, seed, shape=SMALL, **settings):
    return make_phantom(disease, seed=seed, shape=shape, **settings)


def test_the_seed_decides_everything():
    first, again = (make_phantom("covid", seed=7, shape=TINY) for _ in range(2))
    for name in ("hu", "lungs", "lesions"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.spacing == again.spacing
    assert not np.array_equal(first.hu, make_phantom("covid", seed=8, shape=TINY).hu)


def test_a_seed_is_one_chest_under_every_disease():
    healthy, ill = phantom("healthy", 3), phantom("cap", 3)
    np.testing.assert_array_equal(healthy.lungs, ill.lungs)
    changed = healthy.hu != ill.hu
    assert changed.any()
    # Body, noise and all are the same but for the lungs and the blur around them.
    assert not changed[distance_transform_edt(healthy.lungs == 0) > 8].any()


@pytest.mark.parametrize("disease", DISEASES)
@pytest.mark.parametrize("shape", [TINY, SMALL, (9, 80, 48)])
def test_arrays_are_in_range_and_lungs_on_their_sides(disease, shape):
    scan = phantom(disease, 5, shape)
    assert scan.hu.shape == scan.lungs.shape == scan.lesions.shape == shape
    assert (scan.hu.dtype, scan.lungs.dtype, scan.lesions.dtype) == (np.int16, np.uint8, np.uint8)
    assert scan.hu.min() >= -1024
    assert scan.hu.max() <= 3071
    columns = np.broadcast_to(np.arange(shape[2]), shape)
    assert columns[scan.lungs == 1].min() > columns[scan.lungs == 2].max()
    litres = np.array([(scan.lungs == side).sum() * np.prod(scan.spacing) / 1e6 for side in (1, 2)])
    assert np.all((litres > 0.7) & (litres < 5))
    assert -920 < np.median(scan.hu[(scan.lungs > 0) & (scan.lesions == 0)]) < -640


def test_slices_run_from_feet_to_head_and_rows_from_front_to_back():
    for seed in range(4):
        scan = phantom("healthy", seed)
        area = (scan.lungs > 0).sum((1, 2))
        assert area[-2:].max() < 0.35 * area.max()
        # The vertebrae are the brightest thing near the midline, and they lie at the back.
        middle = scan.hu[:, :, 42:54].max(axis=(0, 2))
        lungs = np.flatnonzero((scan.lungs > 0).any((0, 2)))
        behind = middle[(lungs.min() + lungs.max()) // 2 :]
        assert behind.max() > 350
        # The table's air gap is behind the body, so the last rows hold no tissue.
        assert (scan.hu[:, -1] < -300).all()


@pytest.mark.parametrize("seed", range(4))
def test_lesions_lie_in_the_lungs_and_only_in_the_ill(seed):
    assert not phantom("healthy", seed).lesions.any()
    for disease in DISEASES[1:]:
        scan = phantom(disease, seed)
        assert scan.lesions.any()
        assert set(np.unique(scan.lesions)) <= {0, 1, 2}
        assert (scan.lungs[scan.lesions > 0] > 0).all()
        lit = scan.hu[scan.lesions > 0].mean()
        assert lit > phantom("healthy", seed).hu[scan.lesions > 0].mean() + 80


def test_the_mildest_case_on_the_coarsest_grid_still_shows_a_lesion():
    for seed in range(6):
        assert make_phantom("h1n1", seed=seed, shape=(2, 32, 32), severity=0.0).lesions.any()


def test_covid_is_bilateral_and_peripheral_and_cap_one_sided():
    depth = {}
    for disease in ("covid", "h1n1"):
        means = []
        for seed in range(6):
            scan = phantom(disease, seed, severity=0.7)
            mm = distance_transform_edt(scan.lungs > 0, sampling=scan.spacing)
            means.append(mm[scan.lesions > 0].mean())
        depth[disease] = np.mean(means)
    assert depth["covid"] < 0.75 * depth["h1n1"]
    for seed in range(6):
        assert set(np.unique(scan_sides(phantom("covid", seed, severity=0.7)))) == {1, 2}
        assert len(np.unique(scan_sides(phantom("cap", seed, severity=0.7)))) == 1


def scan_sides(scan):
    return scan.lungs[scan.lesions > 0]


def test_severity_enlarges_the_disease():
    for disease in DISEASES[1:]:
        share = [
            np.mean([(phantom(disease, seed, TINY, severity=severity).lesions > 0).sum() for seed in range(5)])
            for severity in (0.1, 0.9)
        ]
        assert share[1] > 2.5 * share[0]


def test_mean_lung_density_does_not_give_the_class_away():
    means, ill = [], []
    for seed in range(40):
        scan = make_phantom(("healthy", *DISEASES[1:])[seed % 4] if seed % 2 else "healthy", seed=seed, shape=TINY)
        means.append(scan.hu[scan.lungs > 0].mean())
        ill.append(scan.disease != "healthy")
    assert 10 <= sum(ill) <= 30
    assert roc_auc_score(ill, means) < 0.85


def test_size_is_drawn_unless_given():
    scan = make_phantom("healthy", seed=2)
    assert 24 <= scan.hu.shape[0] <= 48
    assert scan.hu.shape[1] == scan.hu.shape[2]
    assert 192 <= scan.hu.shape[1] <= 320
    assert make_phantom("healthy", seed=2, shape=TINY, spacing=(30, 5, 5.5)).spacing == (30.0, 5.0, 5.5)


@pytest.mark.parametrize(
    ("settings", "ending"),
    [
        ({"disease": "covid-19"}, "got 'covid-19'"),
        ({"shape": (8, 16, 64)}, r"got \(8, 16, 64\)"),
        ({"spacing": (1, 0, 1)}, r"got \(1, 0, 1\)"),
        ({"severity": 1.5}, "got 1.5"),
        ({"seed": -1}, "got -1"),
    ],
)
def test_unusable_arguments_end_with_what_was_received(settings, ending):
    with pytest.raises(InputError, match=f"{ending}$"):
        make_phantom(**settings)
