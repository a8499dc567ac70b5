import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import DropPath


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_nothing_changes_outside_training_or_at_rate_zero():
    branch = np.random.default_rng(0).normal(size=(50, 2, 3)).astype("float32")
    np.testing.assert_array_equal(array(DropPath(0.9)(branch)), branch)
    np.testing.assert_array_equal(array(DropPath(0)(branch, training=True)), branch)


@pytest.mark.parametrize("shape", [(4000, 3), (4000, 2, 2, 3), (4000, 1, 2, 2, 3)])
def test_training_drops_whole_samples_and_scales_the_rest(shape):
    branch = np.random.default_rng(0).uniform(1, 2, shape).astype("float32")
    ratio = (array(DropPath(0.2, seed=1)(branch, training=True)) / branch).reshape(len(branch), -1)
    kept = ratio[:, 0] > 0
    np.testing.assert_allclose(ratio, np.broadcast_to(np.where(kept, 1.25, 0)[:, None], ratio.shape), rtol=1e-6)
    assert abs(kept.mean() - 0.8) < 0.025  # four standard errors


def test_small_rates_hold_in_bfloat16():
    """40 of 20,000 expected; a draw in bfloat16 itself would drop 156 (1/128)."""
    branch = np.ones((20000, 1), "float32")
    dropped = np.sum(array(DropPath(0.002, seed=1, dtype="mixed_bfloat16")(branch, training=True)) == 0)
    assert 15 < dropped < 70


def test_a_dropped_branch_is_zero_whatever_it_was():
    found = array(DropPath(0.5, seed=1)(np.full((100, 2), np.inf, "float32"), training=True))
    assert set(np.unique(found)) == {0, np.inf}


def test_the_seed_makes_training_repeatable_and_every_batch_new():
    branch = np.ones((100, 1), "float32")
    layer, again, other = (DropPath(0.5, seed=seed) for seed in (7, 7, 8))
    first, second = array(layer(branch, training=True)), array(layer(branch, training=True))
    np.testing.assert_array_equal(first, array(again(branch, training=True)))
    np.testing.assert_array_equal(second, array(again(branch, training=True)))
    assert (first != second).any()
    assert (first != array(other(branch, training=True))).any()


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_compiled_step_draws_what_a_call_draws():
    branch = np.random.default_rng(0).normal(size=(20, 3, 2)).astype("float32")
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, DropPath(0.5, seed=7)(inputs))
    model.compile("sgd", lambda _, found: keras.ops.mean(found**2))
    expected = array(DropPath(0.5, seed=7)(branch, training=True))
    np.testing.assert_allclose(model.train_on_batch(branch, branch), np.mean(expected**2), rtol=1e-5)


@pytest.mark.parametrize("rate", [-0.1, 1])
def test_a_rate_that_is_none(rate):
    with pytest.raises(ValueError, match=f"Received: rate={rate}"):
        DropPath(rate)


def test_shared_check(tmp_path):
    def make():
        inputs = keras.Input((None, None, 2))
        return keras.Model(inputs, DropPath(0.3, seed=3)(inputs))

    check(make, np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype("float32"), tmp_path)
