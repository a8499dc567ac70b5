import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.inference.nonparametric import assess_patient, assess_slices
from tfcovid.layers import NonparametricAssessment


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def scans(slices=40):
    """Of 60 scans of 1 to 40 slices, ever healthier: probabilities, lesion probabilities, mask; rubbish behind."""
    generator = np.random.default_rng(0)
    disease, lesion = generator.normal(scale=2, size=(60, slices, 4)), generator.normal(scale=2, size=(60, slices, 2))
    for scores in (disease, lesion):
        scores[..., 0] += np.linspace(-4, 8, 60)[:, None]
    mask = np.arange(slices) < generator.integers(1, slices + 1, size=(60, 1))
    disease[~mask] = [-50, 50, -50, -50]
    return softmax(disease).astype("float32"), softmax(lesion).astype("float32"), mask


def assess(disease, lesion, mask, threshold):
    features = disease if lesion is None else np.concatenate([disease, lesion], axis=-1)
    return keras.ops.convert_to_numpy(NonparametricAssessment(4, threshold)(features, mask))


@pytest.mark.parametrize("threshold", [0.99, 0.6, 0.3])
@pytest.mark.parametrize("lesions", [True, False])
def test_equals_the_reference_in_numpy(lesions, threshold):
    disease, lesion, mask = scans()
    found = assess(disease, lesion if lesions else None, mask, threshold)
    seen, overruled = set(), 0
    for scan, real in enumerate(mask):
        by_slice = assess_slices(disease[scan, real], lesion[scan, real] if lesions else None)
        diagnosis, shares = assess_patient(by_slice, threshold)
        assert found[scan].argmax() == diagnosis
        np.testing.assert_allclose(2 * found[scan] - np.eye(4)[diagnosis], shares, atol=1e-6)
        seen.add(diagnosis)
        overruled += shares.argmax() != diagnosis
    assert seen == {0, 1, 2, 3}
    assert overruled, "the rule and the largest share should differ"


@pytest.mark.parametrize(("healthy", "diagnosis"), [(200, 0), (199, 0), (198, 2), (0, 2)])
def test_the_share_must_exceed_the_threshold(healthy, diagnosis):
    """198 of 200 is 0.99 and does not exceed it; 199 of 200 is 0.995."""
    called = np.eye(3, dtype="float32")[[0] * healthy + [2] * (200 - healthy)][None]
    found = keras.ops.convert_to_numpy(NonparametricAssessment(3)(called, np.ones((1, 200), bool)))
    assert found.argmax() == diagnosis
    np.testing.assert_allclose(found[0, 0], (healthy / 200 + (diagnosis == 0)) / 2, rtol=1e-6)


def test_of_equal_diseases_the_first():
    called = np.eye(3, dtype="float32")[[2, 1, 0, 0]][None]
    found = NonparametricAssessment(3)(called, np.ones((1, 4), bool))
    np.testing.assert_allclose(found, [[0.25, 0.625, 0.125]])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"classes": 1}, "two classes or more. Received: classes=1"),
        ({"classes": 3, "threshold": 1.0}, "below 1. Received: threshold=1.0"),
        ({"classes": 4}, "4 probabilities, or 6 .*Received: 3"),
    ],
)
def test_refusals_name_the_fix(options, says):
    with pytest.raises(ValueError, match=says):
        NonparametricAssessment(**options)(np.zeros((1, 2, 3)), np.ones((1, 2), bool))


def test_shared_check(tmp_path):
    disease, lesion, mask = scans(slices=6)

    def make():
        features, mask = keras.Input((None, 6), name="features"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"features": features, "mask": mask}, NonparametricAssessment(4)(features, mask))

    check(make, {"features": np.concatenate([disease, lesion], axis=-1), "mask": mask}, tmp_path)
