import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import PrototypeLesionMap

CHANNELS = 5


def built(distance):
    layer = PrototypeLesionMap(distance)
    layer.build((None, 4, 3, CHANNELS))
    generator = np.random.default_rng(1)
    layer.set_weights([generator.normal(size=(2, CHANNELS)), np.array([0.3, -0.2])])
    return layer


@pytest.fixture
def slices():
    """Six slices, of which the layer above calls some healthy and some not."""
    generator = np.random.default_rng(0)
    each, points = generator.normal(size=(6, 1, 1, CHANNELS)), generator.normal(size=(6, 4, 3, CHANNELS))
    return (each + 0.7 * points).astype("float32")


def paper(layer, features):
    """One slice in float64: the lesion probabilities, the attention and the map to show."""
    prototypes, bias = np.asarray(layer.prototypes, "float64"), np.asarray(layer.bias, "float64")
    features = features.astype("float64")
    scores = np.exp(prototypes @ features.mean(axis=(0, 1)) + bias)
    lesion = scores / scores.sum()

    def nearness(point, prototype):
        if layer.distance == "cosine":
            return point @ prototype / np.linalg.norm(point) / np.linalg.norm(prototype)
        return np.exp(-np.sum((point - prototype) ** 2) / CHANNELS)

    healthy, diseased = (np.apply_along_axis(nearness, -1, features, prototype) for prototype in prototypes)
    attention = diseased if lesion[1] > lesion[0] else healthy
    attention = (attention - attention.min()) / (attention.max() - attention.min())
    return lesion, attention, np.maximum(diseased - healthy, 0).clip(max=1) * lesion[1]


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_equals_the_formula(distance, slices):
    layer = built(distance)
    found = {name: keras.ops.convert_to_numpy(output) for name, output in layer(slices).items()}
    assert {True, False} == set(found["lesion"][:, 1] > 0.5), "the slices should be called both ways"
    assert found["lesion_map"].max() > 0.05
    for i, one in enumerate(slices):
        lesion, attention, lesion_map = paper(layer, one)
        np.testing.assert_allclose(found["lesion"][i], lesion, atol=1e-5)
        np.testing.assert_allclose(found["attention"][i, ..., 0], attention, atol=1e-4)
        np.testing.assert_allclose(found["lesion_map"][i, ..., 0], lesion_map, atol=1e-5)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_one_slice_does_not_change_another(distance, slices):
    layer = built(distance)
    together, alone = layer(slices), layer(slices[2:3])
    for name in together:
        np.testing.assert_allclose(together[name][2:3], alone[name], atol=1e-5)


def test_a_healthy_slice_stays_cold_even_where_a_point_looks_like_a_lesion():
    layer = built("cosine")
    healthy, diseased = keras.ops.convert_to_numpy(layer.prototypes)
    slice_ = np.broadcast_to(20 * healthy - 20 * diseased, (1, 4, 3, CHANNELS)).copy()
    slice_[0, 1, 1] = diseased
    found = layer(slice_.astype("float32"))
    assert found["lesion"][0, 0] > 0.999
    assert np.asarray(found["lesion_map"]).max() < 1e-3
    assert np.asarray(found["attention"]).max() == 1  # which looks for what is healthy here


def test_a_slice_without_features_gives_no_nan():
    found = built("cosine")(np.zeros((1, 4, 3, CHANNELS), "float32"))
    assert not np.asarray(found["attention"]).any() and not np.asarray(found["lesion_map"]).any()


def test_a_distance_that_is_none():
    with pytest.raises(ValueError, match="Received: distance='cityblock'"):
        PrototypeLesionMap("cityblock")


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_shared_check(distance, tmp_path, slices):
    def make():
        inputs = keras.Input((None, None, CHANNELS))
        return keras.Model(inputs, PrototypeLesionMap(distance)(inputs))

    check(make, slices, tmp_path)
