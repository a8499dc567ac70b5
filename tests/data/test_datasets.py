import importlib
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from tfcovid.data.datasets import (
    batches_per_epoch,
    patient_batches_per_epoch,
    training_patients,
    training_slices,
    validation_patients,
    validation_slices,
)
from tfcovid.data.prepare import read_slices

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
    whole = [read_slices(scan, SIZE) for scan in scans]
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


@pytest.mark.parametrize("slices, batch, steps", [(None, 6, 3), (3, 4, 2), (100, 3, 6), (1, 7, 1), (None, 64, 1)])
def test_every_epoch_has_the_batches_that_are_promised(scans, targets, slices, batch, steps):
    assert batches_per_epoch(targets, batch, slices) == steps
    for balance in (False, True):
        found = batches(scans, targets, batch=batch, epochs=3, slices=slices, balance=balance)
        sizes = {len(target) for _, target in found}
        assert len(found) == 3 * steps and sizes == {min(batch, 3 if slices == 1 else 20)}
    assert batches_per_epoch([np.full(8, -1)], batch, slices) == 0


def test_some_slices_of_every_scan_change_with_the_epoch(scans, targets):
    found = order(batches(scans, targets, epochs=2, slices=2))
    for epoch in (found[:6], found[6:]):
        assert len(set(epoch)) == 6 and Counter(t // 8 for t in epoch) == {0: 2, 1: 2, 3: 2}
    assert set(found[:6]) != set(found[6:])


def test_balanced_classes_come_equally_often(scans, targets):
    classes = [np.where(one >= 0, one >= 24, -1).astype(np.int32) for one in targets]  # 12 of class 0, 8 of class 1
    found = order(batches(scans, classes, epochs=2, balance=True))
    assert Counter(found[:20]) == Counter(found[20:]) == {0: 10, 1: 10}


def weighted(data):
    return [tuple(part.numpy() for part in parts) for parts in data]


def test_validation_slices_come_in_order_all_of_them_in_full_batches(scans, targets):
    data = validation_slices(scans, targets, SIZE, 6)
    found = weighted(data)
    assert order([pair[:2] for pair in found])[:20] == kept(targets)
    assert [len(target) for _, target, _ in found] == [6] * 4 and int(data.cardinality()) == 4
    np.testing.assert_array_equal(np.concatenate([w for *_, w in found]), np.float32([1.2] * 20 + [0] * 4))
    np.testing.assert_array_equal(found[-1][0][2:], found[-1][0][[1] * 4])
    assert len(weighted(validation_slices(scans, targets, SIZE, 32))[0][1]) == 32  # fewer than a batch


_EVALUATED = """
import keras, numpy as np, tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tfcovid.data import Prepared
from tfcovid.data.datasets import validation_slices
from tfcovid.data.shard import write_shard
from pathlib import Path
import sys

folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
hu = rng.integers(-1000, 400, (13, 4, 4)).astype(np.int16)
write_shard(folder / "a.tfrecord", hu)
scan = Prepared(None, folder / "a.tfrecord", tuple(range(13)), 13, (), "")
target = rng.integers(0, 3, 13).astype(np.int32)

def network(shape):
    inputs = keras.Input(shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 1000)(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))

plain = network((4, 4, 1))
p = plain.predict(hu[..., None], verbose=0)
expected = -np.log(p[np.arange(13), target]).mean(), (p.argmax(1) == target).mean()
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope():
        model = network((4, 4, 1))
        model.set_weights(plain.get_weights())
        model.compile(loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    found = model.evaluate(validation_slices([scan], [target], (4, 4), 6), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=2e-6)
print("equal")
"""


def test_the_validation_loss_is_the_mean_over_the_slices_on_one_device_or_two(tmp_path):
    done = subprocess.run([sys.executable, "-c", _EVALUATED, tmp_path], capture_output=True, text=True)
    assert done.stdout == "equal\n", done.stderr


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
    assert [len(y) for _, _, y in found] == [2, 2] and patient_batches_per_epoch(5, 2) == 2
    assert len({int(y) for _, _, targets in found for y in targets}) == 4
    for values, masks, scans in found:
        assert masks.any(axis=0).all()  # no longer than the longest
        for one, mask, scan in zip(values, masks, scans, strict=True):
            check_patient(one, mask, int(scan))


def test_an_epoch_of_patients_depends_on_the_seed_and_its_number_alone(features):
    options = {"epochs": 6, "seed": 2}
    whole, later = patients(features, **options), patients(features, **options, first_epoch=4)
    assert len(whole) == 12 and len(later) == 4
    for one, again in zip(whole[8:], later, strict=True):
        for a, b in zip(one, again, strict=True):
            np.testing.assert_array_equal(a, b)
    orders = {tuple(int(y) for _, _, targets in whole[n : n + 2] for y in targets) for n in range(0, 12, 2)}
    assert len(orders) > 1
    windows = {
        check_patient(one, mask, int(scan))
        for values, masks, scans in whole
        for one, mask, scan in zip(values, masks, scans, strict=True)
    }
    assert windows == {0, 1}


def test_patients_are_balanced_by_their_target(features):
    data = training_patients(features, [0, 0, 0, 0, 1], 3, 2, 8, balance=True)
    found = [int(t) for _, y in data for t in y]
    assert len(found) == 8 * 4 and 11 <= sum(found) <= 21  # of 5 drawn 2 or 3 are of either class, 4 are used


def test_validation_patients_come_in_order_through_the_middle_window(features):
    found = list(validation_patients(features, list(range(5)), 3, 2))
    assert [int(t) for _, y, _ in found for t in y] == [0, 1, 2, 3, 4, 4]
    np.testing.assert_array_equal(np.concatenate([w for *_, w in found]), np.float32([1.2] * 5 + [0]))
    for x, y, _ in found:
        for values, mask, scan in zip(x["features"].numpy(), x["slice_mask"].numpy(), y.numpy(), strict=True):
            assert check_patient(values, mask, int(scan)) == 1


_READ_AHEAD = """
import sys, threading
import numpy as np, tensorflow as tf
from pathlib import Path
from tfcovid.data import Prepared, datasets
from tfcovid.data.input_wait import InputWait
from tfcovid.data.shard import write_shard

tf.config.experimental.enable_op_determinism()
tf.random.set_seed(0)
folder = Path(sys.argv[1])
write_shard(folder / "a.tfrecord", np.zeros((64, 4, 4), np.int16))
scan = Prepared(None, folder / "a.tfrecord", tuple(range(64)), 64, (), "")
datasets._BLOCK_BYTES = 2 * 4 * 4 * 16
read, blocks, second = datasets._Store._read, [], threading.Event()

def counted(self, numbers):
    blocks.append(len(numbers))
    if len(blocks) == 2:
        second.set()
    return read(self, numbers)

datasets._Store._read = counted
data = InputWait().apply(datasets.training_slices([scan], [np.zeros(64, np.int32)], (4, 4), 8, 1))
batches = iter(data)
next(batches)
print(second.wait(60), blocks[0])
"""


def test_deterministic_runs_read_ahead_too(tmp_path):
    done = subprocess.run([sys.executable, "-c", _READ_AHEAD, tmp_path], capture_output=True, text=True)
    assert done.stdout == "True 16\n", done.stderr
