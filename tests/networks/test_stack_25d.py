import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tfcovid.networks.m3lung_slice import m3lung_slice
from tfcovid.networks.resnet import resnet
from tfcovid.networks.stack_25d import stack_25d

COUNTS = (1, 2, 5)
SIDE = 32


@pytest.fixture
def scans():
    """Scans of unequal length, with rubbish behind."""
    slices = np.random.default_rng(0).uniform(size=(3, 6, SIDE, SIDE)).astype("float32")
    slices *= np.linspace(0.2, 1, 6)[:, None, None]
    mask = np.arange(6) < np.array(COUNTS)[:, None]
    slices[~mask] = 7
    return {"slices": slices.astype("float32"), "slice_mask": mask}


def classifier(channels, classes=3):
    keras.utils.set_random_seed(0)
    network = resnet(classes, (SIDE, SIDE, channels), "resnet10_compact")
    return settled(network, np.random.default_rng(1).uniform(size=(4, SIDE, SIDE, channels)).astype("float32"))


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_equals_the_classifier_slice_by_slice(channels, scans):
    network = classifier(channels)
    found = keras.ops.convert_to_numpy(stack_25d(network)(scans))
    assert found.shape == (3, 3)
    assert found.dtype == np.float32
    assert np.ptp(found, axis=0).max() > 1e-3, "the scans should differ"
    for scan, slices, count in zip(found, scans["slices"], COUNTS, strict=True):
        reach = channels // 2
        padded = np.pad(slices[:count], [(reach, reach), (0, 0), (0, 0)], mode="edge")
        stacks = np.stack([padded[i : i + count] for i in range(channels)], axis=-1)
        expected = keras.ops.convert_to_numpy(network(stacks)).mean(axis=0)
        np.testing.assert_allclose(scan, expected, rtol=1e-4, atol=1e-6)


def test_trains_the_classifier_itself():
    network = classifier(3)
    ours, theirs = ([weight.path for weight in one.trainable_weights] for one in (stack_25d(network), network))
    assert ours == theirs


def test_of_a_dictionary_the_disease(scans):
    network = m3lung_slice(3, (SIDE, SIDE, 3), "resnet10_compact")
    assert stack_25d(network)(scans).shape == (3, 3)


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (lambda: classifier(2), "count is odd.*Received: count=2"),
        (lambda: keras.Sequential([keras.Input((9, 4)), keras.layers.Dense(2)]), r"Received: \(None, 9, 4\)"),
    ],
)
def test_refusals_name_the_fix(network, says):
    with pytest.raises(ValueError, match=says):
        stack_25d(network())


def test_shared_check(tmp_path, scans):
    check(lambda: stack_25d(classifier(3)), scans, tmp_path)
