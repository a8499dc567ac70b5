"""`tf.data` over the store: the same batches in the same order for a seed and an epoch, wherever training starts."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfcovid.data.prepare import Prepared

# Scans read side by side, and the bytes of slices shuffled together; two such blocks are in memory.
_INTERLEAVED_SCANS = 16
_BLOCK_BYTES = 128 * 2**20


def training_slices(
    scans: Sequence[Prepared],
    targets: Sequence[np.ndarray],
    size: tuple[int, int],
    batch: int,
    epochs: int,
    first_epoch: int = 0,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of (HU slices, targets) for all epochs from `first_epoch` on, one after the other.

    The order of an epoch follows from the seed and its number alone, so that a run which goes on at epoch 7 sees
    what it would have seen. Scans are shuffled and read interleaved, slices shuffled in blocks of bounded size.

    Args:
        targets: for every scan `(slices,)` int32, -1 for slices that are left out.
        size: height and width of a slice.

    Yields:
        `(batch, height, width, 1)` int16 HU and `(batch,)` int32.
    """
    records, targets = [str(scan.record) for scan in scans], tf.ragged.constant(targets, dtype=tf.int32)
    count = int(np.sum(targets.flat_values.numpy() >= 0))
    block = max(batch, min(count, _BLOCK_BYTES // (2 * size[0] * size[1])))

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(len(records)), seed=tf.stack([seed, epoch]))
        slices = tf.data.Dataset.from_tensor_slices(order).interleave(
            lambda scan: _labelled(tf.gather(records, scan), targets[scan]),
            cycle_length=min(_INTERLEAVED_SCANS, len(records)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        # Not Dataset.shuffle: its seed is fixed when the graph is made, and each epoch needs its own.
        slices = slices.batch(block).enumerate().map(lambda number, rows: _shuffled(rows, seed, epoch, number))
        slices = slices.prefetch(1).unbatch()
        slices = slices.map(lambda raw, target: (_hu(raw, size), target), tf.data.AUTOTUNE, deterministic=True)
        # A short last batch upsets batch normalisation; which slices it would hold changes with the epoch.
        return slices.batch(batch, drop_remainder=count >= batch)

    return tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_of).prefetch(tf.data.AUTOTUNE)


def validation_slices(
    scans: Sequence[Prepared], targets: Sequence[np.ndarray], size: tuple[int, int], batch: int
) -> tf.data.Dataset:
    """The slices of `scans` that have a target, in order, as batches of (HU slices, targets)."""
    rows = tf.data.Dataset.from_tensor_slices(
        ([str(scan.record) for scan in scans], tf.ragged.constant(targets, dtype=tf.int32))
    )
    slices = rows.flat_map(lambda record, target: _labelled(record, target))
    slices = slices.map(lambda raw, target: (_hu(raw, size), target), tf.data.AUTOTUNE).batch(batch)
    count = sum(int((target >= 0).sum()) for target in targets)
    # The filter hides the count from tf.data, and Keras warns where a count is unknown.
    return slices.apply(tf.data.experimental.assert_cardinality(-(-count // batch))).prefetch(tf.data.AUTOTUNE)


def training_patients(
    features: Sequence[str],
    targets: Sequence[int],
    channels: int,
    batch: int,
    epochs: int,
    first_epoch: int = 0,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of (slice features and their mask, target) for all epochs from `first_epoch` on.

    Args:
        features: for every scan an `.npy` file `(windows, slices, channels)` float32; one window is drawn for each
            scan and epoch.

    Yields:
        {"features": `(batch, slices, channels)`, "slice_mask": `(batch, slices)`} and `(batch,)` int32.
    """

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(len(features)), seed=tf.stack([seed, epoch]))
        numbered = tf.data.Dataset.from_tensor_slices(order).map(
            lambda scan: _patient(
                tf.gather(features, scan),
                tf.gather(targets, scan),
                channels,
                tf.random.stateless_uniform((), tf.stack([epoch * 7919 + seed, tf.cast(scan, tf.int64)])),
            ),
            tf.data.AUTOTUNE,
            deterministic=True,
        )
        return numbered.padded_batch(batch)

    return tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_of).prefetch(tf.data.AUTOTUNE)


def validation_patients(features: Sequence[str], targets: Sequence[int], channels: int, batch: int) -> tf.data.Dataset:
    """The scans in order, seen through the middle one of their windows; batches as in `training_patients`."""
    rows = tf.data.Dataset.from_tensor_slices((list(features), np.asarray(targets, np.int32)))
    return rows.map(lambda file, target: _patient(file, target, channels, tf.constant(0.5))).padded_batch(batch)


def _labelled(record: tf.Tensor, targets: tf.Tensor) -> tf.data.Dataset:
    pairs = tf.data.Dataset.zip(tf.data.TFRecordDataset(record), tf.data.Dataset.from_tensor_slices(targets))
    return pairs.filter(lambda raw, target: target >= 0)


def _shuffled(rows: tuple, seed: int, epoch: tf.Tensor, number: tf.Tensor) -> tuple:
    order = tf.range(tf.shape(rows[1])[0])
    # 7919 keeps this draw apart from that of the scans.
    order = tf.random.experimental.stateless_shuffle(order, seed=tf.stack([seed + 7919 * (number + 1), epoch]))
    return tuple(tf.gather(row, order) for row in rows)


def _hu(raw: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    example = tf.io.parse_single_example(raw, {"hu": tf.io.FixedLenFeature((), tf.string)})
    return tf.reshape(tf.io.decode_raw(example["hu"], tf.int16), (*size, 1))


def _patient(file: tf.Tensor, target: tf.Tensor, channels: int, draw: tf.Tensor) -> tuple:
    def read(path: bytes, draw: np.ndarray) -> np.ndarray:
        windows = np.load(path.decode(), mmap_mode="r")
        return np.array(windows[int(draw * len(windows))])

    features = tf.ensure_shape(tf.numpy_function(read, (file, draw), tf.float32), (None, channels))
    return {"features": features, "slice_mask": tf.ones(tf.shape(features)[:1], tf.bool)}, target
