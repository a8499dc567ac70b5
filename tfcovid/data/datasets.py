"""`tf.data` over the store: the same batches in the same order for a seed and an epoch, wherever training starts."""

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
import tensorflow as tf

from tfcovid.data.draw_slices import draw_slices
from tfcovid.data.prepare import Prepared
from tfcovid.data.reading_order import reading_order
from tfcovid.data.shard import read_shard

# Slices shuffled together. Memory holds three such blocks at most: one read ahead, two being batched.
_BLOCK_BYTES = 128 * 2**20


def batches_per_epoch(targets: Sequence[np.ndarray], batch: int, slices: int | None = None) -> int:
    """Batches in each epoch of `training_slices`: of full size, or one smaller one if there are fewer slices."""
    return patient_batches_per_epoch(_drawn(targets, slices), batch)


def patient_batches_per_epoch(patients: int, batch: int) -> int:
    """Batches in each epoch of `training_patients`: of full size, or one smaller one if there are fewer scans."""
    return max(patients // batch, min(patients, 1))


def training_slices(
    scans: Sequence[Prepared],
    targets: Sequence[np.ndarray],
    size: tuple[int, int],
    batch: int,
    epochs: int,
    first_epoch: int = 0,
    seed: int = 0,
    *,
    slices: int | None = None,
    balance: bool = False,
) -> tf.data.Dataset:
    """Batches of (HU slices, targets) for all epochs from `first_epoch` on, one after the other.

    The order of an epoch follows from the seed and its number alone, so that a run which goes on at epoch 7 sees
    what it would have seen. Every epoch has `batches_per_epoch` batches of one size; what does not fill a batch is
    left out of that epoch. Memory does not grow with the scans: see `reading_order`.

    Args:
        targets: for every scan `(slices,)` int32, -1 for slices that are left out.
        size: height and width of a slice.
        slices, balance: which slices an epoch draws, see `draw_slices`.

    Yields:
        `(batch, height, width, 1)` int16 HU and `(batch,)` int32.
    """
    store = _Store(scans, targets, size)
    steps, batch = batches_per_epoch(targets, batch, slices), max(1, min(batch, _drawn(targets, slices)))
    block = max(1, _BLOCK_BYTES // (2 * size[0] * size[1] * batch)) * batch

    def order_of(epoch: np.ndarray) -> np.ndarray:
        counts = draw_slices(store.target, store.scan, seed, int(epoch), slices, balance)
        return reading_order(counts, store.record, seed, int(epoch), block)[: steps * batch]

    def blocks_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.ensure_shape(_pure(order_of, (epoch,), tf.int64), (steps * batch,))
        return tf.data.Dataset.from_tensor_slices(order).batch(block)

    def batches_of(hu: tf.Tensor, target: tf.Tensor) -> tf.data.Dataset:
        # A short last batch upsets batch normalisation; which slices it would hold changes with the epoch.
        return tf.data.Dataset.from_tensor_slices(
            (tf.reshape(hu, (-1, batch, *size, 1)), tf.reshape(target, (-1, batch)))
        )

    # One call ahead, said by number: left open, tf.data reads as many blocks at a time as it likes.
    blocks = tf.data.Dataset.range(first_epoch, epochs).flat_map(blocks_of).map(store.read, 1, deterministic=True)
    return blocks.flat_map(batches_of).prefetch(2)


def validation_slices(
    scans: Sequence[Prepared], targets: Sequence[np.ndarray], size: tuple[int, int], batch: int
) -> tf.data.Dataset:
    """The slices of `scans` that have a target, in order, as batches of (HU slices, targets, weights).

    All batches are full, as several devices need it: in the last one a slice repeats with weight 0, and the others
    weigh as much more. The mean over batches of sum(weight * loss) / batch, which is what Keras takes, is thus the
    mean over the slices. Metrics are exact as `weighted_metrics`.

    Yields:
        `(batch, height, width, 1)` int16 HU, `(batch,)` int32 and `(batch,)` float32.
    """
    store = _Store(scans, targets, size)
    numbers, weights = _filled_up(np.flatnonzero(store.target >= 0), batch)

    def read(numbers: tf.Tensor, weights: tf.Tensor) -> tuple:
        hu, target = store.read(numbers)
        return tf.reshape(hu, (batch, *size, 1)), tf.reshape(target, (batch,)), weights

    data = tf.data.Dataset.from_tensor_slices((numbers.reshape(-1, batch), weights.reshape(-1, batch)))
    return data.map(read, 1, deterministic=True).prefetch(2)


def training_patients(
    features: Sequence[str],
    targets: Sequence[int],
    channels: int,
    batch: int,
    epochs: int,
    first_epoch: int = 0,
    seed: int = 0,
    *,
    balance: bool = False,
) -> tf.data.Dataset:
    """Batches of (slice features and their mask, target) for all epochs from `first_epoch` on.

    Epochs and batches are those of `training_slices`, with a scan in place of a slice.

    Args:
        features: for every scan an `.npy` file `(windows, slices, channels)` float32; one window is drawn for each
            scan and epoch.
        balance: every class equally often, see `draw_slices`.

    Yields:
        {"features": `(batch, slices, channels)`, "slice_mask": `(batch, slices)`} and `(batch,)` int32.
    """
    targets = np.asarray(targets, np.int32)
    steps, batch = patient_batches_per_epoch(len(targets), batch), max(1, min(batch, len(targets)))

    def draw(epoch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = draw_slices(targets, np.arange(len(targets)), seed, int(epoch), balance=balance)
        rng = np.random.default_rng([seed, int(epoch), 1])
        order = rng.permutation(np.repeat(np.arange(len(targets)), counts))[: steps * batch]
        return order, rng.random(len(order), np.float32)

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        drawn = _pure(draw, (epoch,), (tf.int64, tf.float32))
        return tf.data.Dataset.from_tensor_slices(tuple(tf.ensure_shape(row, (steps * batch,)) for row in drawn))

    rows = tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_of)
    rows = rows.map(
        lambda scan, window: _patient(tf.gather(features, scan), tf.gather(targets, scan), channels, window),
        tf.data.AUTOTUNE,
        deterministic=True,
    )
    return rows.padded_batch(batch, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def validation_patients(features: Sequence[str], targets: Sequence[int], channels: int, batch: int) -> tf.data.Dataset:
    """The scans in order, seen through the middle one of their windows.

    Batches as in `training_patients`, with weights as in `validation_slices`.
    """
    numbers, weights = _filled_up(np.arange(len(features)), batch)
    files, targets = np.asarray(features)[numbers], np.asarray(targets, np.int32)[numbers]
    rows = tf.data.Dataset.from_tensor_slices((files, targets, weights))
    rows = rows.map(lambda file, target, weight: (*_patient(file, target, channels, tf.constant(0.5)), weight))
    return rows.padded_batch(batch, drop_remainder=True).prefetch(1)


class _Store:
    """The slices of some scans as one numbered list: `scan`, `record`, `position` and `target` are `(slices,)`."""

    def __init__(self, scans: Sequence[Prepared], targets: Sequence[np.ndarray], size: tuple[int, int]):
        self.size = size
        self.records, record_of = np.unique([str(scan.record) for scan in scans], return_inverse=True)
        lengths = [len(scan.index) for scan in scans]
        self.scan = np.repeat(np.arange(len(scans)), lengths)
        self.record = record_of[self.scan]
        self.position = np.concatenate([scan.first + np.arange(len(scan.index)) for scan in scans] or [[]])
        self.target = np.concatenate([np.asarray(one, np.int32) for one in targets] or [np.zeros(0, np.int32)])
        if lengths != [len(one) for one in targets]:
            raise ValueError(f"targets: one for every slice of every scan. Received: {[len(one) for one in targets]}")

    def read(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`(n, height, width)` int16 HU and `(n,)` int32 of the slices with these numbers."""
        hu, target = _pure(self._read, (numbers,), (tf.int16, tf.int32))
        return tf.ensure_shape(hu, (None, *self.size)), tf.ensure_shape(target, (None,))

    def _read(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hu = np.empty((len(numbers), *self.size), "<i2")
        # In the order of the files, so that a disk reads runs.
        as_filed = np.lexsort((self.position[numbers], self.record[numbers]))
        for record, run in groupby(as_filed, key=lambda row: self.record[numbers[row]]):
            rows = list(run)
            read_shard(self.records[record], self.position[numbers[rows]], [hu[row] for row in rows])
        return hu, self.target[numbers]


def _pure(function: Callable, inputs: tuple, types) -> tf.Tensor | tuple[tf.Tensor, ...]:
    # Said to keep no state: otherwise deterministic runs take all reading ahead out of the pipeline.
    return tf.numpy_function(function, inputs, types, stateful=False)


def _drawn(targets: Sequence[np.ndarray], slices: int | None) -> int:
    labelled = [int(np.count_nonzero(np.asarray(one) >= 0)) for one in targets]
    return sum(labelled if slices is None else (min(slices, count) for count in labelled))


def _filled_up(numbers: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers and weights of whole batches, whose additions weigh nothing."""
    added = -len(numbers) % batch
    weights = np.full(len(numbers) + added, 1 + added / max(len(numbers), 1), np.float32)
    weights[len(numbers) :] = 0
    return np.concatenate([numbers, np.repeat(numbers[-1:], added)]), weights


def _patient(file: tf.Tensor, target: tf.Tensor, channels: int, draw: tf.Tensor) -> tuple:
    def read(path: bytes, draw: np.ndarray) -> np.ndarray:
        windows = np.load(path.decode(), mmap_mode="r")
        return np.array(windows[int(draw * len(windows))])

    features = tf.ensure_shape(_pure(read, (file, draw), tf.float32), (None, channels))
    return {"features": features, "slice_mask": tf.ones(tf.shape(features)[:1], tf.bool)}, target
