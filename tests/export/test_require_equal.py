import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.export.require_equal import require_equal

EXPECTED = {"probabilities": np.array([0.25, 0.75]), "boxes": np.array([[0, 0, 4, 4]]), "mask": np.zeros((1, 200, 200))}


def changed(**values):
    return {**EXPECTED, "mask": np.zeros((1, 200, 200), int), **values}


def test_the_largest_difference_is_told():
    right = changed()
    assert require_equal("m", changed(probabilities=np.array([0.25, 0.74])), right, 0.02) == pytest.approx(0.01)
    features = {"features": np.array([[100.0, -400.0]])}
    assert require_equal("m", {"features": np.array([[104.0, -400.0]])}, features, 0.02) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"probabilities": np.array([0.25, 0.7])}, "probabilities differs by 0.05, more than 0.02"),
        ({"probabilities": np.array([np.nan, 0.75])}, "probabilities differs by nan"),
        ({"probabilities": np.array([0.25])}, r"probabilities has the shape \(1,\), of the bundle \(2,\)"),
        ({"boxes": np.array([[0, 0, 4, 5]])}, "boxes differs"),
        ({"mask": np.eye(200, dtype=int)[None]}, "0.50% of the mask"),
        ({"index": np.array([0])}, "m gives boxes, index, mask, probabilities; its bundle gives boxes, mask"),
    ],
)
def test_what_is_not_equal_is_refused_in_words(found, words):
    with pytest.raises(InputError, match=words):
        require_equal("m", changed(**found), changed(), 0.02)


def test_a_voxel_in_ten_thousand_may_be_called_otherwise():
    mask = np.zeros((1, 200, 200), int)
    mask[0, 0, :4] = 1
    require_equal("m", changed(mask=mask), changed(), 0.02)
