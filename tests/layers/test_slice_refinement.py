import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import SliceRefinement

CHANNELS, HEADS, SIZE = 6, 3, 4
VARIANTS = [(affinity, normalisation) for affinity in ("slice", "channel") for normalisation in ("softmax", "sum")]


@pytest.fixture
def scans():
    """Scans of 5, 1 and 3 slices, with rubbish behind. Positive, so that no plain sum comes near zero."""
    features = np.random.default_rng(0).uniform(0.2, 1, (3, 5, CHANNELS)).astype("float32")
    features[1, 1:] = 50
    return features, np.arange(5) < np.array([[5], [1], [3]])


def built(affinity, normalisation):
    layer = SliceRefinement(HEADS, SIZE, affinity, normalisation)
    layer.build((None, None, CHANNELS))
    generator = np.random.default_rng(1)
    low = 0.05 if normalisation == "sum" else -1
    layer.set_weights([generator.uniform(low, 1, weight.shape) for weight in layer.weights])
    return layer


def paper(layer, features):
    """Equations 1 to 3 on one scan without padding, head by head."""
    features = features.astype("float64")
    mapped = [features @ np.asarray(m.kernel, "float64") + np.asarray(m.bias) for m in layer.maps]
    refined = []
    for head in range(HEADS):
        first, second, third = (one[:, head * SIZE : (head + 1) * SIZE] for one in mapped)
        if layer.affinity == "slice":
            scores = first @ second.T / np.sqrt(SIZE)
        else:
            scores = first.T @ second / np.sqrt(len(features))
        weights = np.exp(scores) if layer.normalisation == "softmax" else scores
        weights = weights / weights.sum(axis=-1, keepdims=True)
        refined.append(weights @ third if layer.affinity == "slice" else third @ weights.T)
    joined = np.concatenate(refined, axis=-1)
    return features + joined @ np.asarray(layer.expand.kernel, "float64") + np.asarray(layer.expand.bias)


@pytest.mark.parametrize(("affinity", "normalisation"), VARIANTS)
def test_equals_the_equations_on_the_real_slices(affinity, normalisation, scans):
    layer = built(affinity, normalisation)
    refined = keras.ops.convert_to_numpy(layer(*scans))
    for found, features, mask in zip(refined, *scans, strict=True):
        np.testing.assert_allclose(found[mask], paper(layer, features[mask]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affinity", ["slice", "channel"])
def test_axes_before_the_slices_are_kept(affinity, scans):
    layer, (features, mask) = built(affinity, "softmax"), scans
    parts = layer(np.stack([features, features[::-1]], axis=1), np.stack([mask, mask[::-1]], axis=1))
    np.testing.assert_allclose(parts[:, 1], np.asarray(layer(features, mask))[::-1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("affinity", ["slice", "channel"])
def test_plain_sums_below_zero_divide_as_well(affinity, scans):
    layer = built(affinity, "sum")
    layer.maps[0].set_weights([-weight for weight in layer.maps[0].get_weights()])
    refined = keras.ops.convert_to_numpy(layer(*scans))
    for found, features, mask in zip(refined, *scans, strict=True):
        np.testing.assert_allclose(found[mask], paper(layer, features[mask]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affinity", ["slice", "channel"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_plain_sum_near_zero_stays_bounded(affinity, sign, scans):
    layer = built(affinity, "sum")
    # Scores of about 1e-6: below the 1e-3 at which the divisor stops shrinking, so they all but vanish.
    for dense, scale in zip(layer.maps[:2], (1e-4 * sign, 1e-4), strict=True):
        dense.set_weights([weight * scale for weight in dense.get_weights()])
    refined = keras.ops.convert_to_numpy(layer(*scans))
    alone = scans[0] + keras.ops.convert_to_numpy(layer.expand.bias)
    assert np.abs(refined - alone)[scans[1]].max() < 0.05


def test_options_that_are_none():
    with pytest.raises(ValueError, match="Received: affinity='pixel', normalisation='softmax'"):
        SliceRefinement(affinity="pixel")
    with pytest.raises(ValueError, match="Received: affinity='slice', normalisation='max'"):
        SliceRefinement(normalisation="max")


@pytest.mark.parametrize(("affinity", "normalisation"), VARIANTS)
def test_shared_check(affinity, normalisation, tmp_path, scans):
    def make():
        features, mask = keras.Input((None, CHANNELS), name="features"), keras.Input((None,), dtype="bool", name="mask")
        layer = SliceRefinement(HEADS, SIZE, affinity, normalisation)
        refined = layer(features, mask)
        layer.set_weights(built(affinity, normalisation).get_weights())
        return keras.Model({"features": features, "mask": mask}, keras.ops.where(mask[..., None], refined, 0.0))

    # A bias of the keys adds the same to every score of a softmax over slices.
    vanishing = ("map2/bias",) if (affinity, normalisation) == ("slice", "softmax") else ()
    check(make, dict(zip(("features", "mask"), scans, strict=True)), tmp_path, vanishing)
