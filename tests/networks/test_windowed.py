import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tfcovid.explain import with_map
from tfcovid.networks import m3lung_slice, windowed

CENTERS, WIDTH = (-700, -612.5, -500), 1200


@pytest.fixture
def hu():
    return np.random.default_rng(0).integers(-1400, 300, (2, 64, 64, 1), dtype="int16")


def level(hu, center):
    return np.clip((hu - center) / WIDTH + 0.5, 0, 1).astype("float32")


def compact(hu, **options):
    keras.utils.set_random_seed(0)
    return settled(m3lung_slice(3, hu.shape[1:], "resnet10_compact", **options), level(hu, -600))


@pytest.mark.parametrize("multi_task", [True, False])
def test_equals_the_windows_one_by_one(multi_task, hu):
    network = compact(hu, multi_task=multi_task, attention=multi_task)
    found = windowed(network, CENTERS, WIDTH)(hu)
    by_hand = [network(level(hu, center)) for center in CENTERS]
    assert set(found) == set(by_hand[0])
    for name, output in found.items():
        expected = np.stack([one[name] for one in by_hand], axis=1)
        assert np.abs(np.diff(expected, axis=1)).max() > 1e-3, "the windows should differ"
        if name == "lesion_map":
            expected = expected.mean(axis=1)
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_map_marks_the_side_that_is_ill(mirror):
    # It calls ill what is bright.
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(1, 1, kernel_initializer="ones")(inputs))
    network = keras.Model(inputs, keras.layers.Dense(1, "sigmoid", name="disease")(x))
    network.get_layer("disease").set_weights([np.full((1, 1), 20.0), np.zeros(1)])
    hu = np.full((1, 8, 8, 1), -2000, "int16")
    hu[0, :4, 6:] = 0
    found = np.asarray(windowed(with_map(network), CENTERS, WIDTH, mirror)(hu)["lesion_map"])[0, ..., 0]
    assert (found[:4, 6:] > 0.5).all() and found.sum() == pytest.approx(found[:4, 6:].sum())


def test_shared_check(tmp_path):
    # Larger and more than above: norms settled on few points leave half precision far off.
    hu = np.random.default_rng(0).integers(-1400, 300, (6, 96, 96, 1), dtype="int16")
    check(lambda: windowed(compact(hu), CENTERS[:2], WIDTH), hu, tmp_path)
