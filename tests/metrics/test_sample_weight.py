import keras
import numpy as np
import pytest

from tfcovid.metrics.sample_weight import one_weight_a_sample


@pytest.mark.parametrize(("weight", "expected"), [(None, [[1]]), (2, [[2]]), ([1, 2], [[1], [2]]), ([[3]], [[3]])])
def test_weights_become_a_column(weight, expected):
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(one_weight_a_sample(weight)), expected)


@pytest.mark.parametrize("shape", [(1, 2), (1, 4, 4), (2, 4, 4, 1)])
def test_weights_of_voxels_are_refused(shape):
    with pytest.raises(ValueError, match=r"one weight a sample.*Received: sample_weight.shape="):
        one_weight_a_sample(np.ones(shape))
