"""`tf.data` over a segmenter's store: slices or patches, the same for a seed and an epoch wherever training starts."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfcovid.config.segmenter import Segmenter
from tfcovid.data.draw_patches import draw_patches, even_slices
from tfcovid.data.mask_values import UNLABELLED
from tfcovid.data.prepare_volumes import PreparedVolume

_AIR = -1024  # HU around a volume that is smaller than the patch
_READERS = 4  # patches read at a time; left open, tf.data takes as many as it likes


def patches_per_epoch(volumes: Sequence[PreparedVolume], segmenter: Segmenter) -> int:
    """Batches in each epoch of `training_patches`: of full size, or one smaller one if there are fewer samples."""
    total = _samples(volumes, segmenter)
    return max(total // segmenter.training.batch, min(total, 1))


def training_patches(volumes: Sequence[PreparedVolume], segmenter: Segmenter, first_epoch: int = 0) -> tf.data.Dataset:
    """Batches for all epochs from `first_epoch` on, one after the other.

    What an epoch draws, see `draw_patches`, and in which order follows from the seed and the epoch's number alone, so
    that a run which goes on at epoch 7 sees what it would have seen. Every epoch has `patches_per_epoch` batches of
    one size; what does not fill a batch is left out of that epoch. Memory holds the batches, never a scan.

    Yields:
        {"ct": `(batch, [slices,] height, width, 1)` int16 HU, "labels": of the same shape, uint8, 255 where no loss
        is to be, "spacing": `(batch, 2 or 3)` float32, mm from [slice to slice,] row to row and column to column}.
        A 2-D segmenter's samples are whole slices without an axis for slices, a 3-D one's are of `network.patch`;
        what lies outside the scan is -1024 HU and unlabelled.
    """
    seed, training = segmenter.seed, segmenter.training
    steps = patches_per_epoch(volumes, segmenter)
    batch = max(1, min(training.batch, _samples(volumes, segmenter)))

    def rows_of(epoch: np.ndarray) -> np.ndarray:
        rows = np.concatenate(
            [_numbered(n, draw_patches(volume, segmenter, [seed, n, int(epoch)])) for n, volume in enumerate(volumes)]
        )
        return np.random.default_rng([seed, int(epoch)]).permutation(rows)[: steps * batch]

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = tf.ensure_shape(_pure(rows_of, (epoch,), tf.int64), (steps * batch, 4))
        return tf.data.Dataset.from_tensor_slices(rows)

    rows = tf.data.Dataset.range(first_epoch, training.epochs).flat_map(epoch_of)
    return _read(rows, volumes, segmenter).batch(batch, drop_remainder=True).prefetch(2)


def validation_patches(volumes: Sequence[PreparedVolume], segmenter: Segmenter) -> tf.data.Dataset:
    """Batches as in `training_patches`, the same in every epoch, scan by scan.

    2-D: up to `training.samples` slices of each scan, evenly spaced. 3-D: drawn as in training, once and for all. All
    batches are full, as several devices need it: the last one is filled up with air without a label.
    """
    rows = [np.zeros((0, 4), np.int64)]
    for n, volume in enumerate(volumes):
        if segmenter.network.kind == "unet3d":
            starts = draw_patches(volume, segmenter, [segmenter.seed, n])
        else:
            starts = even_slices(volume, segmenter)
        rows.append(_numbered(n, starts))
    rows = np.concatenate(rows)
    added = -len(rows) % segmenter.training.batch
    # Far above the last slice of any scan: nothing of it is in the patch.
    beyond = np.array([[0, np.iinfo(np.int32).max, 0, 0]] * added, np.int64).reshape(added, 4)
    data = tf.data.Dataset.from_tensor_slices(np.concatenate([rows, beyond]))
    return _read(data, volumes, segmenter).batch(segmenter.training.batch, drop_remainder=True).prefetch(2)


def _samples(volumes: Sequence[PreparedVolume], segmenter: Segmenter) -> int:
    return len(volumes) * segmenter.training.samples


def _numbered(number: int, starts: np.ndarray) -> np.ndarray:
    """`(n, 4)` int64: the number of the volume and the first slice, row and column of each patch."""
    return np.column_stack([np.full(len(starts), number), starts]).astype(np.int64)


def _read(rows: tf.data.Dataset, volumes: Sequence[PreparedVolume], segmenter: Segmenter) -> tf.data.Dataset:
    flat = segmenter.network.kind != "unet3d"
    patch = (1, *segmenter.network.size) if flat else segmenter.network.patch
    shape = (*patch[flat:], 1)

    def load(row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        volume, start = volumes[row[0]], row[1:]
        ct = _cut(np.load(volume.ct, mmap_mode="r"), start, patch, _AIR)
        labels = _cut(np.load(volume.labels, mmap_mode="r"), start, patch, UNLABELLED)
        return ct.reshape(shape), labels.reshape(shape), np.array(volume.spacing[flat:], np.float32)

    def sample(row: tf.Tensor) -> dict[str, tf.Tensor]:
        ct, labels, spacing = _pure(load, (row,), (tf.int16, tf.uint8, tf.float32))
        return {
            "ct": tf.ensure_shape(ct, shape),
            "labels": tf.ensure_shape(labels, shape),
            "spacing": tf.ensure_shape(spacing, (3 - flat,)),
        }

    return rows.map(sample, _READERS, deterministic=True)


def _cut(volume: np.ndarray, start: np.ndarray, patch: tuple[int, int, int], fill: int) -> np.ndarray:
    """The patch that begins at `start`, which may lie outside the volume, filled up where there is no voxel."""
    result = np.full(patch, fill, volume.dtype)
    first = np.maximum(start, 0)
    stop = np.minimum(start + patch, volume.shape)
    if (first < stop).all():
        from_volume = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
        into = tuple(slice(a, b) for a, b in zip(first - start, stop - start, strict=True))
        result[into] = volume[from_volume]
    return result


def _pure(function: Callable, inputs: tuple, types) -> tf.Tensor | tuple[tf.Tensor, ...]:
    # Said to keep no state: otherwise deterministic runs take all reading ahead out of the pipeline.
    return tf.numpy_function(function, inputs, types, stateful=False)
