import numpy as np
import pytest
import tensorflow as tf

from tfcovid.export.graph.draws import LONGEST, draws
from tfcovid.inference.system import drawn_slices


def test_draws_are_those_of_numpy_for_scans_of_any_length():
    graph = tf.function(lambda n: draws(n, 16, 3, seed=5), [tf.TensorSpec([], tf.int32)], autograph=False)
    for slices in (1, 15, 16, 17, 148, 700, LONGEST):
        np.testing.assert_array_equal(graph(slices), drawn_slices(slices, 16, 3, 5))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"2048 slices of a scan are read at most.*2049"):
        graph(LONGEST + 1)


def test_without_a_count_all_slices_are_read():
    assert draws(tf.constant(5), None, 1, seed=0).numpy().tolist() == [[0, 1, 2, 3, 4]]
