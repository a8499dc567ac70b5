import importlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from tfcovid.data.datasets import training_patients, training_slices, validation_patients, validation_slices
from tfcovid.data.prepare import read_record

SIZE = (32, 32)


@pytest.fixture(scope="module")
def scans(prepared):
    return prepared[:4]


@pytest.fixture(scope="module")
def targets(scans):
    """Each slice carries a number of its own, so that it can be told in a batch; a few are left out."""
    numbers = [np.arange(8, dtype=np.int32) + 8 * n for n in range(len(scans))]
    numbers[1][:] = [-1, 8, 9, -1, -1, 10, 11, -1]
    numbers[2][:] = -1
    return numbers


def kept(targets):
    return sorted(int(t) for one in targets for t in one if t >= 0)


def batches(scans, targets, **options):
    options = {"size": SIZE, "batch": 1, "epochs": 1} | options
    return [(hu.numpy(), target.numpy()) for hu, target in training_slices(scans, targets, **options)]


def order(found):
    return [int(t) for _, target in found for t in target]


def test_every_kept_slice_comes_once_an_epoch_with_its_own_pixels(scans, targets):
    found = batches(scans, targets)
    assert sorted(order(found)) == kept(targets)
    whole = [read_record(scan.record, SIZE) for scan in scans]
    of = {int(t): whole[n][k] for n, one in enumerate(targets) for k, t in enumerate(one) if t >= 0}
    for hu, target in found:
        assert hu.shape == (1, *SIZE, 1) and hu.dtype == np.int16 and target.dtype == np.int32
        np.testing.assert_array_equal(hu[0, ..., 0], of[int(target[0])])


def test_an_epoch_drops_its_remainder_and_nothing_else(scans, targets):
    found = batches(scans, targets, batch=6, epochs=2)  # 20 slices: three batches an epoch
    assert [len(target) for _, target in found] == [6] * 6
    for epoch in (found[:3], found[3:]):
        assert max(Counter(order(epoch)).values()) == 1 and set(order(epoch)) <= set(kept(targets))
    assert set(order(found[:3])) != set(order(found[3:]))  # not always the same are dropped


def test_fewer_slices_than_a_batch_make_one_batch(scans, targets):
    assert [len(target) for _, target in batches(scans, targets, batch=64)] == [20]


def test_an_epoch_depends_on_the_seed_and_its_number_alone(scans, targets):
    options = {"batch": 3, "epochs": 4, "seed": 5}
    whole = batches(scans, targets, **options)
    assert len(whole) == 4 * 6
    later = batches(scans, targets, **options, first_epoch=2)
    assert len(later) == 2 * 6
    for (hu, target), (hu_again, target_again) in zip(whole[12:], later, strict=True):
        np.testing.assert_array_equal(target, target_again)
        np.testing.assert_array_equal(hu, hu_again)
    epochs = [tuple(order(whole[n : n + 6])) for n in (0, 6, 12, 18)]
    assert len(set(epochs)) == 4
    assert order(whole) != order(batches(scans, targets, **{**options, "seed": 6}))


def test_blocks_smaller_than_the_epoch_lose_nothing_and_are_shuffled_apart(scans, targets, monkeypatch):
    module = importlib.import_module("tfcovid.data.datasets")
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4 * 2 * SIZE[0] * SIZE[1])
    found = order(batches(scans, targets, epochs=2, seed=1))
    assert sorted(found[:20]) == sorted(found[20:]) == kept(targets)
    assert found[:20] != found[20:]


def test_neighbours_of_a_scan_are_torn_apart(scans, targets):
    found = order(batches(scans, targets))
    following = sum(b == a + 1 for a, b in pairwise(found))
    assert following < 5


def test_validation_slices_come_in_order_all_of_them(scans, targets):
    data = validation_slices(scans, targets, SIZE, 6)
    found = [(hu.numpy(), target.numpy()) for hu, target in data]
    assert order(found) == kept(targets)
    assert [len(target) for _, target in found] == [6, 6, 6, 2] and int(data.cardinality()) == 4


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Five scans of two windows, of 1 to 5 slices; a value tells scan, window and slice."""
    folder, files = tmp_path_factory.mktemp("features"), []
    for scan in range(5):
        windows, slices = np.arange(2)[:, None, None], np.arange(scan + 1)[None, :, None]
        np.save(
            folder / f"{scan}.npy",
            np.broadcast_to(100 * (scan + 1) + 10 * windows + slices, (2, scan + 1, 3)).astype(np.float32),
        )
        files.append(str(folder / f"{scan}.npy"))
    return files


def patients(features, **options):
    options = {"channels": 3, "batch": 2, "epochs": 1} | options
    data = training_patients(features, list(range(5)), **options)
    return [(x["features"].numpy(), x["slice_mask"].numpy(), y.numpy()) for x, y in data]


def check_patient(values, mask, scan):
    assert mask.tolist() == [True] * (scan + 1) + [False] * (len(mask) - scan - 1)
    window = (int(values[0, 0]) - 100 * (scan + 1)) // 10
    assert window in (0, 1)
    expected = 100 * (scan + 1) + 10 * window + np.arange(scan + 1)
    np.testing.assert_array_equal(values[mask], np.repeat(expected[:, None], 3, axis=1))
    assert not values[~mask].any()
    return window


def test_patients_are_padded_and_their_masks_tell_where(features):
    found = patients(features)
    assert [len(y) for _, _, y in found] == [2, 2, 1]
    assert sorted(int(y) for _, _, targets in found for y in targets) == [0, 1, 2, 3, 4]
    for values, masks, scans in found:
        assert masks.any(axis=0).all()  # no longer than the longest
        for one, mask, scan in zip(values, masks, scans, strict=True):
            check_patient(one, mask, int(scan))


def test_an_epoch_of_patients_depends_on_the_seed_and_its_number_alone(features):
    options = {"epochs": 6, "seed": 2}
    whole, later = patients(features, **options), patients(features, **options, first_epoch=4)
    assert len(whole) == 18 and len(later) == 6
    for one, again in zip(whole[12:], later, strict=True):
        for a, b in zip(one, again, strict=True):
            np.testing.assert_array_equal(a, b)
    orders = {tuple(int(y) for _, _, targets in whole[n : n + 3] for y in targets) for n in range(0, 18, 3)}
    assert len(orders) > 1
    windows = {
        check_patient(one, mask, int(scan))
        for values, masks, scans in whole
        for one, mask, scan in zip(values, masks, scans, strict=True)
    }
    assert windows == {0, 1}


def test_validation_patients_come_in_order_through_the_middle_window(features):
    found = list(validation_patients(features, list(range(5)), 3, 2))
    assert [int(t) for _, y in found for t in y] == [0, 1, 2, 3, 4]
    for x, y in found:
        for values, mask, scan in zip(x["features"].numpy(), x["slice_mask"].numpy(), y.numpy(), strict=True):
            assert check_patient(values, mask, int(scan)) == 1
