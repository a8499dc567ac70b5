import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import SampledSlices


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def scans(counts, slices):
    """Features that name scan and slice; NaN behind the last slice of each scan."""
    mask = np.arange(slices) < np.array(counts)[:, None]
    names = np.stack(np.broadcast_arrays(np.arange(len(counts))[:, None], np.arange(slices)), axis=-1)
    return np.where(mask[..., None], names, np.nan).astype("float32"), mask


def taken(layer, counts, slices, training):
    """`(batch, count)`: the slices taken; each must be a real one of its own scan."""
    found = array(layer(*scans(counts, slices), training=training))
    np.testing.assert_array_equal(found[..., 0], np.broadcast_to(np.arange(len(counts))[:, None], found.shape[:2]))
    assert np.isfinite(found).all()
    return found[..., 1].astype(int)


def test_evenly_spaced_outside_training():
    counts = [1, 2, 3, 5, 7, 300, 299, 100]
    found = taken(SampledSlices(5), counts, 300, training=False)
    np.testing.assert_array_equal(found, [[int((i + 0.5) * n / 5) for i in range(5)] for n in counts])
    np.testing.assert_array_equal(found[2], [0, 0, 1, 2, 2])
    np.testing.assert_array_equal(found[5], [30, 90, 150, 210, 270])
    np.testing.assert_array_equal(taken(SampledSlices(), [100, 300], 300, False)[0], np.arange(100))


@pytest.mark.parametrize("count", [1, 4, 7])
def test_training_takes_every_slice_as_often_as_any_other_in_order(count):
    counts = list(range(1, 13))
    found = taken(SampledSlices(count, seed=1), counts, 12, training=True)
    assert found.shape == (12, count)
    assert (np.diff(found, axis=1) >= 0).all()
    for n, one in zip(counts, found, strict=True):
        times = np.bincount(one, minlength=n)
        assert len(times) == n and times.sum() == count
        assert set(times) <= {count // n, -(-count // n)}  # no repetition where n >= count


@pytest.mark.parametrize(("n", "extra"), [(6, 4 / 6), (3, 1 / 3)])
def test_the_draw_is_even_and_new_for_each_scan(n, extra):
    found = taken(SampledSlices(4, seed=1), [n] * 3000, 8, training=True)
    times = np.stack([(found == one).sum(axis=1) for one in range(n)])
    # Whole rounds are certain; what remains is drawn. Four standard errors are 0.035.
    np.testing.assert_allclose(times.mean(axis=1), 4 // n + extra, atol=0.035)
    assert len(np.unique(found, axis=0)) == {6: 15, 3: 3}[n]  # every subset comes up


def test_the_seed_makes_training_repeatable_and_every_batch_new():
    layer, again, other = (SampledSlices(4, seed=seed) for seed in (7, 7, 8))
    first, second = (taken(layer, [9] * 8, 9, True) for _ in range(2))
    np.testing.assert_array_equal(first, taken(again, [9] * 8, 9, True))
    np.testing.assert_array_equal(second, taken(again, [9] * 8, 9, True))
    assert (first != second).any()
    assert (first != taken(other, [9] * 8, 9, True)).any()


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_compiled_step_draws_what_a_call_draws():
    features = np.random.default_rng(0).normal(size=(5, 9, 2)).astype("float32")
    mask = np.arange(9) < np.array([[9], [2], [5], [4], [1]])
    inputs = {
        "features": keras.Input((None, 2), name="features"),
        "mask": keras.Input((None,), dtype="bool", name="mask"),
    }
    model = keras.Model(inputs, SampledSlices(4, seed=7)(*inputs.values()))
    model.compile("sgd", lambda _, found: keras.ops.mean(found**2))
    found = model.train_on_batch({"features": features, "mask": mask}, np.zeros((5, 4, 2), "float32"))
    expected = array(SampledSlices(4, seed=7)(features, mask, training=True))
    np.testing.assert_allclose(found, np.mean(expected**2), rtol=1e-5)


def test_no_slices_asked_for():
    with pytest.raises(ValueError, match="Received: count=0"):
        SampledSlices(0)


def test_shared_check(tmp_path):
    def make():
        features, mask = keras.Input((None, 3), name="features"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"features": features, "mask": mask}, SampledSlices(4, seed=3)(features, mask))

    features = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    check(make, {"features": features, "mask": np.arange(6) < np.array([[6], [2]])}, tmp_path)
