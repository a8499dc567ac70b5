import keras
import numpy as np
import pytest

from tfcovid.inference.runtime.sampled_slices import sampled_slices, stateless_uniform
from tfcovid.layers import SampledSlices

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's random numbers")


@pytest.mark.parametrize("seed", [(0, 0), (7, 0), (2**31 - 1, 3)])
@pytest.mark.parametrize("shape", [(1, 5), (3, 148), (2, 301)])
def test_the_numbers_are_those_of_tensorflow(shape, seed):
    import tensorflow as tf

    np.testing.assert_array_equal(stateless_uniform(shape, seed), tf.random.stateless_uniform(shape, seed).numpy())


@pytest.mark.parametrize("slices", [1, 5, 99, 100, 101, 250])
def test_the_slices_are_those_of_the_layer(slices):
    numbers = np.tile(np.arange(slices, dtype=np.float32)[None, :, None], (3, 1, 1))
    for seed in (0, 17):
        drawn = SampledSlices(100, seed)(numbers, np.ones((3, slices), bool), training=True)
        np.testing.assert_array_equal(sampled_slices(3, slices, 100, seed), np.asarray(drawn)[..., 0])
