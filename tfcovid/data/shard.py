"""A shard: a TFRecord file of slices of one size, any of which can be read by its position."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError


def write_shard(path: Path, slices: Iterable[np.ndarray]) -> None:
    """Writes slices `(height, width)` of int16 HU, one Example each: "hu", little-endian."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for pixels in slices:
            writer.write(_example(np.ascontiguousarray(pixels, "<i2").tobytes()))


def read_shard(path: Path | str, positions: Sequence[int], into: Sequence[np.ndarray]) -> None:
    """Fills each array of `into`, `(height, width)` little-endian int16, with the slice at its position.

    Slices have one size, so that a position tells where in the file a slice begins: neither those between are
    read, nor is anything parsed or copied.

    Raises:
        InputError: the file ends before a slice does.
    """
    with Path(path).open("rb", buffering=0) as file:
        for position, pixels in zip(positions, into, strict=True):
            before, stride = _layout(pixels.nbytes)
            file.seek(int(position) * stride + before)
            if file.readinto(pixels) != pixels.nbytes:
                raise InputError(
                    f"{path}: the file ends before its slice {position}; delete it and the .json beside it, and "
                    f"prepare again. Received: {Path(path).stat().st_size} bytes"
                )


@lru_cache
def _layout(pixel_bytes: int) -> tuple[int, int]:
    """Bytes before the pixels of a record, and bytes of the record."""
    # TFRecord puts length and check sum (12 bytes) before an Example and a check sum (4) behind it.
    example = len(_example(bytes(pixel_bytes)))
    return 12 + example - pixel_bytes, 12 + example + 4


def _example(pixels: bytes) -> bytes:
    import tensorflow as tf

    raw = tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels]))
    return tf.train.Example(features=tf.train.Features(feature={"hu": raw})).SerializeToString()
