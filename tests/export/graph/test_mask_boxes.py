import numpy as np

from tfcovid.export.graph.mask_boxes import mask_boxes
from tfcovid.export.graph.runs import runs
from tfcovid.preprocess import mask_boxes as expected_boxes


def test_boxes_are_those_of_preprocess():
    rng = np.random.default_rng(0)
    mask = np.zeros((7, 40, 50), bool)
    for one in mask[:5]:
        top, left = rng.integers(0, 30, 2)
        one[top : top + rng.integers(1, 20), left : left + rng.integers(1, 20)] = True
    mask[5, 20, 20] = True  # vanishes where the box moves inwards; the last slice has none
    for margin in (-5, -1, 0, 6):
        for per_scan in (False, True):
            for part in (mask, mask[6:]):
                boxes, empty = mask_boxes(runs(part), part.shape, margin, per_scan=per_scan)
                right = expected_boxes(part, margin, per_scan=per_scan)
                np.testing.assert_array_equal(boxes, right[0])
                np.testing.assert_array_equal(empty, right[1])
