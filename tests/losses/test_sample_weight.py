import numpy as np
import pytest

from tfcovid.losses.sample_weight import one_weight_a_sample


@pytest.mark.parametrize("weight", [None, 2.0, [1.0, 2.0], np.ones((2, 1))])
def test_one_weight_a_sample_fits(weight):
    one_weight_a_sample(weight)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4, 4), (2, 4, 4, 1)])
def test_weights_of_voxels_are_refused(shape):
    with pytest.raises(ValueError, match=r"ignore_label. Received: sample_weight.shape=\(2, "):
        one_weight_a_sample(np.ones(shape))
