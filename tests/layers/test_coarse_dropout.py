import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import CoarseDropout

ALWAYS = {"probability": 1, "seed": 1}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def holes(layer, shape):
    """`(batch, height, width)`, true where training cuts; all channels must agree and the rest stay as it was."""
    images = np.random.default_rng(0).uniform(1, 2, shape).astype("float32")
    found = array(layer(images, training=True))
    cut = found[..., 0] == 0
    np.testing.assert_array_equal(found, np.where(cut[..., None], 0, images))
    return cut


def test_nothing_changes_outside_training():
    images = np.ones((50, 8, 8, 1), "float32")
    np.testing.assert_array_equal(array(CoarseDropout(1)(images)), images)


def test_each_sample_has_a_rectangle_of_its_own_with_sides_in_range():
    cut = holes(CoarseDropout(holes=(1, 1), size=(0.25, 0.5), **ALWAYS), (2000, 16, 24, 1))
    rows, columns = cut.any(axis=2), cut.any(axis=1)
    np.testing.assert_array_equal(cut, rows[:, :, None] & columns[:, None, :])
    for side, (low, high) in ((rows, (4, 8)), (columns, (6, 12))):
        lengths = side.sum(axis=1)
        assert set(lengths) == set(range(low, high + 1))
        # In one piece.
        assert (np.abs(np.diff(np.pad(side, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1) == 2).all()
    # Height and width are drawn apart: every pair of lengths comes up.
    assert len(set(zip(rows.sum(axis=1), columns.sum(axis=1), strict=True))) == 5 * 7


def test_every_place_is_as_likely():
    cut = holes(CoarseDropout(holes=(1, 1), size=(0.3, 0.3), **ALWAYS), (4800, 3, 4, 1))
    assert (cut.sum(axis=(1, 2)) == 1).all()
    assert np.abs(cut.sum(axis=0) - 400).max() < 77  # four standard deviations


def test_the_number_of_holes_is_even_over_its_range():
    # On this many pixels holes of one pixel hardly ever meet.
    number = holes(CoarseDropout(holes=(2, 5), size=(0.001, 0.001), **ALWAYS), (400, 128, 128, 1)).sum(axis=(1, 2))
    assert set(number) == {2, 3, 4, 5}
    assert np.abs(np.bincount(number)[2:] - 100).max() < 35  # four standard deviations


def test_the_defaults_cut_eight_squares_of_eight_pixels_out_of_384_and_single_places_out_of_a_feature_map():
    image = holes(CoarseDropout(**ALWAYS), (6, 384, 384, 1)).sum(axis=(1, 2))
    assert image.max() == 8 * 64 and image.min() > 6 * 64
    places = holes(CoarseDropout(**ALWAYS), (60, 12, 12, 3)).sum(axis=(1, 2))
    assert places.max() == 8 and places.min() >= 5


def test_as_many_samples_as_the_probability_says():
    cut = holes(CoarseDropout(seed=1), (4000, 6, 6, 1)).any(axis=(1, 2))
    assert abs(cut.mean() - 0.2) < 0.025  # four standard errors


def test_holes_as_large_as_the_image_leave_nothing():
    assert holes(CoarseDropout(holes=(1, 1), size=(1, 1), **ALWAYS), (3, 5, 7, 2)).all()


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_fill_and_the_type_of_the_image(dtype):
    found = array(CoarseDropout(fill=7, **ALWAYS)(np.full((4, 9, 9, 1), 200, dtype), training=True))
    assert found.dtype == dtype
    assert set(np.unique(found)) == {7, 200}


def test_the_seed_makes_training_repeatable_and_every_batch_new():
    images = np.ones((8, 12, 12, 1), "float32")
    layer, again, other = (CoarseDropout(1, seed=seed) for seed in (7, 7, 8))
    first, second = array(layer(images, training=True)), array(layer(images, training=True))
    np.testing.assert_array_equal(first, array(again(images, training=True)))
    np.testing.assert_array_equal(second, array(again(images, training=True)))
    assert (first != second).any()
    assert (first != array(other(images, training=True))).any()


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_compiled_step_draws_what_a_call_draws():
    images = np.random.default_rng(0).normal(size=(20, 6, 8, 2)).astype("float32")
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, CoarseDropout(0.5, seed=7)(inputs))
    model.compile("sgd", lambda _, found: keras.ops.mean(found**2))
    expected = array(CoarseDropout(0.5, seed=7)(images, training=True))
    np.testing.assert_allclose(model.train_on_batch(images, images), np.mean(expected**2), rtol=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"probability": 1.5}, {"holes": (0, 8)}, {"holes": (5, 4)}, {"size": (0, 0.1)}, {"size": (0.2, 1.1)}]
)
def test_options_that_are_none(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError) as error:
        CoarseDropout(**wrong)
    assert f"Received: {name}={value}" in str(error.value)


def test_shared_check(tmp_path):
    def make():
        inputs = keras.Input((None, None, 2))
        return keras.Model(inputs, CoarseDropout(0.5, (1, 2), (0.1, 0.3), seed=3)(inputs))

    check(make, np.random.default_rng(0).normal(size=(2, 5, 6, 2)).astype("float32"), tmp_path)
