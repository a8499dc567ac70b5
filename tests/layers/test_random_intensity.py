import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import RandomIntensity

ALL = {"brightness": 0.2, "contrast": 0.3, "gamma": 0.4, "noise": 0.05, "local_contrast": 0.5, "blur": 0.5}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def trained(images, **settings):
    return array(RandomIntensity(**settings, seed=1)(images, training=True))


def images(samples=2000, low=0.4, high=0.6):
    """`(batch, 2, 3, 1)`, far enough from 0 and 1 that small changes are not clipped."""
    return np.random.default_rng(0).uniform(low, high, (samples, 2, 3, 1)).astype("float32")


def fills(values, low, high, center=None):
    assert low - 1e-4 < values.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < values.max() < high + 1e-4
    center = (low + high) / 2 if center is None else center
    assert abs(values.mean() - center) < 0.03 * (high - low)  # more than four standard errors


def test_nothing_changes_outside_training_or_without_settings():
    given = images(3)
    np.testing.assert_array_equal(array(RandomIntensity(**ALL)(given)), given)
    np.testing.assert_array_equal(trained(given), given)


def test_brightness_is_added_once_a_sample():
    added = trained(images(), brightness=0.3) - images()
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1, :1], added.shape), atol=1e-6)
    fills(added[:, 0, 0, 0], -0.3, 0.3)


def test_contrast_is_about_the_mean_of_the_sample():
    given = images()
    found = trained(given, contrast=0.4)
    mean = given.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3), keepdims=True), mean, atol=1e-6)
    factor = found.std(axis=(1, 2, 3)) / given.std(axis=(1, 2, 3))
    fills(factor, 0.6, 1.4)
    np.testing.assert_allclose(found, mean + (given - mean) * factor.reshape(-1, 1, 1, 1), atol=1e-5)


def test_gamma_darkens_as_often_as_it_brightens():
    exponent = np.log(trained(images(), gamma=0.5)) / np.log(images())
    np.testing.assert_allclose(exponent, np.broadcast_to(exponent[:, :1, :1], exponent.shape), rtol=1e-4)
    exponent = exponent[:, 0, 0, 0]
    fills(np.log(exponent), -np.log(1.5), np.log(1.5))


def test_noise_has_a_deviation_of_its_own_in_every_sample():
    grey = np.full((400, 50, 50, 1), 0.5, "float32")
    noise = trained(grey, noise=0.1) - 0.5
    assert abs(noise.mean()) < 3e-4
    spread = noise.std(axis=(1, 2, 3))
    assert spread.min() < 0.001 and 0.098 < spread.max() < 0.106  # 1.4 % is the standard error of each
    assert abs(spread.mean() - 0.05) < 0.006
    assert abs(np.corrcoef(noise[:, 0, 0, 0], noise[:, 0, 1, 0])[0, 1]) < 0.2


def test_greyscale_makes_the_luminance_of_some_samples():
    given = np.random.default_rng(0).random((2000, 2, 3, 3), dtype="float32")
    found = trained(given, greyscale=0.25)
    grey = (found == found[..., :1]).all(axis=(1, 2, 3))
    assert abs(grey.mean() - 0.25) < 0.04
    np.testing.assert_array_equal(found[~grey], given[~grey])
    np.testing.assert_allclose(found[grey][..., 0], given[grey] @ [0.299, 0.587, 0.114], atol=1e-6)


def test_levels_stay_between_0_and_1():
    wild = {"brightness": 1, "contrast": 1, "gamma": 5, "noise": 1}
    found = trained(images(200, 0, 1), **wild)
    assert found.min() == 0 and found.max() == 1 and np.isfinite(found).all()


def test_a_volume_has_one_draw_and_masks_pass():
    volumes, mask = images(4).reshape(2, 2, 2, 3, 1), np.arange(24, dtype="uint8").reshape(2, 2, 2, 3, 1)
    found = RandomIntensity(brightness=0.3, seed=1)({"image": volumes, "mask": mask}, training=True)
    added = array(found["image"]) - volumes
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1, :1, :1], added.shape), atol=1e-6)
    assert np.ptp(added[:, 0, 0, 0, 0]) > 0.01
    np.testing.assert_array_equal(array(found["mask"]), mask)


def test_half_precision_is_kept():
    halved = images(4).astype("float16")
    found = trained(halved, **ALL)
    assert found.dtype == "float16"
    np.testing.assert_allclose(found, trained(halved.astype("float32"), **ALL), atol=1e-3)


def test_the_seed_makes_training_repeatable_and_every_batch_new():
    given = images(4)
    layer, again, other = (RandomIntensity(**ALL, seed=seed) for seed in (7, 7, 8))
    first, second = array(layer(given, training=True)), array(layer(given, training=True))
    np.testing.assert_array_equal(first, array(again(given, training=True)))
    np.testing.assert_array_equal(second, array(again(given, training=True)))
    assert np.abs(first - second).max() > 0.01
    assert np.abs(first - array(other(given, training=True))).max() > 0.01
    assert [variable.path.rsplit("/", 1)[-1] for variable in layer.variables] == ["seed_generator_state"]


@pytest.mark.parametrize("wrong", [{"brightness": -0.1}, {"contrast": 1.5}, {"gamma": -1}, {"greyscale": 2}])
def test_options_that_are_none(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError) as error:
        RandomIntensity(**wrong)
    assert f"Received: {name}={value}" in str(error.value)


def test_inputs_that_are_none():
    with pytest.raises(ValueError, match="Received: dtype uint8"):
        RandomIntensity()(np.zeros((1, 2, 2, 1), "uint8"))
    with pytest.raises(ValueError, match=r"three channels. Received: shape \(1, 2, 2, 1\)"):
        RandomIntensity(greyscale=0.5)(np.zeros((1, 2, 2, 1), "float32"))


def test_shared_check(tmp_path):
    def make():
        inputs = keras.Input((None, None, 3))
        return keras.Model(inputs, RandomIntensity(**ALL, greyscale=0.5, seed=3)(inputs))

    check(make, np.random.default_rng(0).random((2, 5, 6, 3), dtype="float32"), tmp_path)


def test_local_contrast_moves_pixels_away_from_the_mean_of_their_neighbourhood():
    stripes = np.full((500, 64, 64, 1), 0.4, "float32")
    stripes[:, ::2] = 0.6
    changed = trained(stripes, local_contrast=1.5)
    inner = changed[:, 20:44, 20:44]
    factor = (inner[:, ::2] - inner[:, 1::2]).mean(axis=(1, 2, 3)) / 0.2
    fills(factor, 1, 2.5)
    np.testing.assert_allclose(inner.mean(axis=(1, 2, 3)), 0.5, atol=0.01)
    flat = np.full((3, 64, 64, 1), 0.3, "float32")
    np.testing.assert_allclose(trained(flat, local_contrast=1.5), flat, atol=1e-6)


def test_blur_mixes_in_the_mean_of_the_neighbours():
    points = np.zeros((500, 9, 9, 1), "float32")
    points[:, 4, 4] = 1
    changed = trained(points, blur=0.8)
    # Of a point 1 / 9 stays in the middle of the smoothed picture.
    fills(1 - changed[:, 4, 4, 0], 0, 0.8 * 8 / 9)
    np.testing.assert_allclose(changed.sum(axis=(1, 2, 3)), 1, atol=1e-5)
    volumes = points.reshape(250, 2, 9, 9, 1)
    assert trained(volumes, blur=0.8).shape == volumes.shape
