import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.serve.check_answer import check_answer


@pytest.fixture
def outputs():
    """Of a scan of five slices, three of which were read."""
    share = np.full((3, 2), 0.5, np.float32)
    return {
        "label": np.int32(1),
        "probabilities": share[0],
        "by_window": share[:2],
        "index": np.array([1, 2, 4], np.int32),
        "slice_probabilities": share,
        "lesion_probabilities": share[:, 0],
        "lesion_map": np.zeros((3, 4, 4), np.float32),
        "boxes": np.tile(np.array([0, 1, 20, 24], np.int32), (3, 1)),
        "without_lung": np.zeros(3, bool),
    }


def test_sound_answers(chest, outputs):
    check_answer(outputs, chest, ("healthy", "covid-19"))
    check_answer(outputs, chest, None)
    every = {name: np.zeros((5, *value.shape[1:]), value.dtype) for name, value in outputs.items() if value.ndim}
    slices = ("slice_probabilities", "lesion_probabilities")
    check_answer({name: every[name] for name in slices}, chest, None)
    check_answer({"features": np.zeros((5, 2, 7), np.float32)}, chest, None)
    check_answer({"mask": np.zeros((5, 20, 24), np.uint8)}, chest, None)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"label": np.int32(2)}, r"label: is to be below 2\. Received: 2"),
        ({"label": np.int32(-1)}, r"label: is to be below 2\. Received: -1"),
        ({"probabilities": np.full(3, 0.3)}, r"probabilities: is to be \(2\)\. Received: \(3,\)"),
        ({"probabilities": np.array([np.nan, 1])}, r"probabilities: is to be within 0 and 1\. Received: nan"),
        ({"probabilities": np.array([0, 1.5])}, r"probabilities: is to be within 0 and 1\. Received: 0.0 to 1.5"),
        ({"lesion_map": np.full((3, 4, 4), -0.1)}, "lesion_map: is to be within 0 and 1"),
        ({"lesion_map": np.zeros((2, 4, 4))}, r"lesion_map: is to be \(3, any, any\)\. Received: \(2, 4, 4\)"),
        ({"lesion_map": np.zeros((3, 4))}, r"lesion_map: is to have 3 axes\. Received: \(3, 4\)"),
        ({"index": np.array([1, 2, 5])}, r"index: is to rise within 5 slices\. Received: \[1, 2, 5\]"),
        ({"index": np.array([2, 1, 4])}, "index: is to rise"),
        ({"index": np.array([-1, 1, 4])}, "index: is to rise"),
        ({"index": np.array([1, 2])}, r"slice_probabilities: is to be \(2, any\)\. Received: \(3, 2\)"),
        ({"boxes": np.tile([0, 1, 21, 24], (3, 1))}, r"boxes: one leaves the slices .* Received: \[0, 1, 21, 24\]"),
        ({"boxes": np.tile([5, 1, 5, 24], (3, 1))}, "boxes: one leaves"),
        ({"without_lung": np.zeros(2, bool)}, "without_lung: is to be"),
        ({"lesion_probabilities": None}, r"lesion_probabilities: is to have 1 axes\. Received: None"),
        ({"by_window": None}, "not one of tfcovid's exports"),
        ({"slice_probabilities": None}, "not one of tfcovid's exports. Received: boxes, by_window"),
    ],
)
def test_damaged_answers(chest, outputs, change, words):
    damaged = {name: value for name, value in (outputs | change).items() if value is not None}
    with pytest.raises(InputError, match=words):
        check_answer(damaged, chest, None)


def test_names_for_other_classes(chest, outputs):
    with pytest.raises(InputError, match=r"tells 2 classes apart\. Received: a, b, c"):
        check_answer(outputs, chest, ("a", "b", "c"))


def test_features_and_masks_of_other_scans(chest):
    for name, shape in (("features", (4, 2, 7)), ("mask", (5, 20, 23))):
        with pytest.raises(InputError, match=f"output {name}: is to be"):
            check_answer({name: np.zeros(shape, np.float32)}, chest, None)
