import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import EvidenceMap, GeM

PLACES, CHANNELS = (4, 3), 5


@pytest.fixture
def features():
    return np.random.default_rng(0).gamma(1.0, size=(6, *PLACES, CHANNELS)).astype("float32")


def built(scores, epsilon=None, p=None):
    layer = EvidenceMap(scores, epsilon)
    layer.build((None, *PLACES, CHANNELS), (None, scores))
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(CHANNELS, scores)), rng.normal(size=scores)]
    layer.set_weights([*weights, p] if epsilon else weights)
    return layer


def chances(count, labels):
    found = np.random.default_rng(2).random((count, labels)).astype("float32")
    return found if labels == 1 else found / found.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("labels", [1, 2, 4])
def test_equals_the_formula(labels, features):
    layer, disease = built(labels), chances(len(features), labels)
    found = keras.ops.convert_to_numpy(layer(features, disease))
    kernel, bias = (np.asarray(one, "float64") for one in layer.get_weights())
    scores = features.astype("float64") @ kernel + bias
    odds = np.exp(scores[..., 0]) if labels == 1 else np.exp(scores[..., 1:]).sum(axis=-1) / np.exp(scores[..., 0])
    ill = disease[:, 0] if labels == 1 else disease[:, 1:].sum(axis=1)
    expected = np.tanh(np.maximum(np.log(odds), 0) / 8) * ill[:, None, None]
    assert 0 < (expected == 0).mean() < 1, "places should speak both ways"
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-6)


def test_it_passes_a_half_where_the_place_alone_has_99_per_cent():
    layer = built(1)
    layer.set_weights([np.eye(CHANNELS, 1), np.zeros(1)])
    place = np.zeros((1, 1, 1, CHANNELS), "float32")
    for chance, above in ((0.985, False), (0.99, True)):
        place[..., 0] = np.log(chance / (1 - chance))
        assert (float(np.squeeze(layer(place, np.ones((1, 1), "float32")))) > 0.5) == above


def test_a_slice_that_is_called_healthy_stays_cold(features):
    layer = built(2)
    assert np.asarray(layer(features, np.tile([[0.0, 1.0]], (6, 1)).astype("float32"))).max() > 0.1
    assert np.asarray(layer(features, np.tile([[1.0, 0.0]], (6, 1)).astype("float32"))).max() == 0


def test_generalised_mean_pooling_is_taken_apart_into_what_its_result_is_the_mean_of(features):
    p = np.linspace(1, 4, CHANNELS)
    pool = GeM(per_channel=True)
    pool.build(features.shape)
    pool.set_weights([p])
    found = built(2, pool.epsilon, p)._averaged(features, (1, 2))
    np.testing.assert_allclose(np.mean(found, axis=(1, 2)), pool(features), rtol=1e-5)
    plain = built(2, pool.epsilon, np.ones(CHANNELS))._averaged(features, (1, 2))
    np.testing.assert_allclose(plain, features, rtol=1e-5)


@pytest.mark.parametrize("epsilon", [None, 1e-6])
def test_shared_check(epsilon, features, tmp_path):
    disease = chances(len(features), 3)

    def make():
        inputs = {
            "features": keras.Input((*PLACES, CHANNELS), name="features"),
            "disease": keras.Input((3,), name="disease"),
        }
        layer = EvidenceMap(3, epsilon)
        outputs = layer(inputs["features"], inputs["disease"])
        layer.set_weights(built(3, epsilon, np.full(CHANNELS, 3.0)).get_weights())
        return keras.Model(inputs, outputs)

    check(make, {"features": features, "disease": disease}, tmp_path)
