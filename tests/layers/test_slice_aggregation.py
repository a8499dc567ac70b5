import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import SliceAggregation

CHANNELS = 6


@pytest.fixture
def scans():
    """Scans of 5, 1 and 3 slices, with rubbish behind."""
    features = np.random.default_rng(0).normal(size=(3, 5, CHANNELS)).astype("float32")
    features[1, 1:] = 50
    return features, np.arange(5) < np.array([[5], [1], [3]])


@pytest.fixture
def layer():
    """Weights large enough that the attention is far from even."""
    layer = SliceAggregation()
    layer.build((None, None, CHANNELS))
    generator = np.random.default_rng(1)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.weights])
    return layer


def paper(layer, features):
    """One scan without padding, in the words of the paper: keys, values, scores, weighted sum."""
    query, key, value, bias = (
        np.asarray(weight, "float64") for weight in (layer.query, layer.key, layer.value.kernel, layer.value.bias)
    )
    features = features.astype("float64")
    keys, values = features @ key, features @ value + bias
    scores = np.exp(keys @ query / np.sqrt(CHANNELS))
    return scores / scores.sum() @ values


def test_equals_the_formula_before_it_was_rearranged(layer, scans):
    pooled = layer(*scans)
    expected = [paper(layer, features[mask]) for features, mask in zip(*scans, strict=True)]
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


def test_axes_before_the_slices_are_kept(layer, scans):
    features, mask = scans
    parts = layer(np.stack([features, features[::-1]], axis=1), np.stack([mask, mask[::-1]], axis=1))
    assert parts.shape == (3, 2, CHANNELS)
    np.testing.assert_allclose(parts[:, 1], np.asarray(layer(features, mask))[::-1], rtol=1e-5, atol=1e-6)


def test_shared_check(tmp_path, scans):
    def make():
        features, mask = keras.Input((None, CHANNELS), name="features"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"features": features, "mask": mask}, SliceAggregation()(features, mask))

    check(make, dict(zip(("features", "mask"), scans, strict=True)), tmp_path)
