import numpy as np
import tensorflow as tf

from tfcovid.export.graph.runs import runs


def test_runs_come_in_reading_order_and_end_with_their_row():
    mask = np.array([[[1, 1, 0, 1], [1, 0, 0, 0]], [[0, 0, 0, 0], [0, 1, 1, 1]]], bool)
    found = runs(tf.constant(mask))
    rows = np.stack(found, 1).tolist()
    assert rows == [[0, 0, 0, 2], [0, 0, 3, 4], [0, 1, 0, 1], [1, 1, 1, 4]]
    kept = found.where(found.stop - found.start > 1)
    assert np.stack(kept, 1).tolist() == [rows[0], rows[3]]
