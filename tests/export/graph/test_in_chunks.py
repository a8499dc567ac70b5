import numpy as np
import tensorflow as tf

from tfcovid.export.graph.in_chunks import in_chunks
from tfcovid.export.graph.traced import traced


def test_chunks_are_put_together_again_in_order():
    seen = []

    def function(one, other):
        seen.append(one.shape[0])
        return {"sum": one + other[:, 0], "chunk": tf.repeat(tf.shape(one)[0], tf.shape(one)[0])}

    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 2], tf.int32)]
    of_chunk = traced(function, signature)
    run, twice = (traced(lambda *of, n=n: in_chunks(of_chunk, of, n), signature) for n in (3, 2))
    for count, sizes in ((1, [1]), (3, [3, 3, 3]), (7, [3] * 6 + [1])):
        found = run(tf.range(count), tf.fill([count, 2], 10))
        assert found["sum"].numpy().tolist() == list(range(10, 10 + count))
        assert found["chunk"].numpy().tolist() == sizes
    assert twice(tf.range(3), tf.fill([3, 2], 10))["chunk"].numpy().tolist() == [2, 2, 1]
    assert seen == [None]  # traced once for both
    np.testing.assert_array_equal(twice(tf.range(3), tf.fill([3, 2], 10))["sum"], [10, 11, 12])
