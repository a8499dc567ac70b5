import numpy as np
import tensorflow as tf

from tfcovid.export.in_chunks import in_chunks


def test_chunks_are_put_together_again_in_order():
    seen = []

    def function(one, other):
        seen.append(one.shape[0])
        return {"sum": one + other[:, 0], "chunk": tf.repeat(tf.shape(one)[0], tf.shape(one)[0])}

    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 2], tf.int32)]
    run = tf.function(lambda *of: in_chunks(function, of, 3), signature, autograph=False)
    for count, sizes in ((1, [1]), (3, [3, 3, 3]), (7, [3] * 6 + [1])):
        found = run(np.arange(count), np.full((count, 2), 10))
        assert found["sum"].numpy().tolist() == list(range(10, 10 + count))
        assert found["chunk"].numpy().tolist() == sizes
    assert seen == [None]
