import numpy as np
import pytest
import tensorflow as tf

from tfcovid.data.shard import read_shard, write_shard
from tfcovid.errors import InputError

HU = np.random.default_rng(0).integers(-1024, 3000, (7, 9, 31)).astype(np.int16)


@pytest.fixture
def path(tmp_path):
    write_shard(tmp_path / "a.tfrecord", HU)
    return tmp_path / "a.tfrecord"


def test_slices_are_read_by_position_as_tensorflow_reads_them_in_order(path):
    feature = {"hu": tf.io.FixedLenFeature((), tf.string)}
    for n, record in enumerate(tf.data.TFRecordDataset(str(path))):
        raw = tf.io.parse_single_example(record, feature)["hu"]
        np.testing.assert_array_equal(tf.reshape(tf.io.decode_raw(raw, tf.int16), (9, 31)), HU[n])
    assert n == 6
    found = np.empty((3, 9, 31), "<i2")
    read_shard(path, [6, 0, 4], found)
    np.testing.assert_array_equal(found, HU[[6, 0, 4]])


def test_a_file_cut_short_is_an_error_and_not_noise(path):
    path.write_bytes(path.read_bytes()[:-100])
    found = np.empty((1, 9, 31), "<i2")
    read_shard(path, [5], found)
    with pytest.raises(InputError, match=r"a\.tfrecord: the file ends before its slice 6"):
        read_shard(path, [6], found)
