import math

import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid.layers import EvenlyCut

COUNTS = range(1, 13)


@pytest.fixture
def scans():
    """Scans of 1 to 12 slices in one batch, with rubbish behind the last slice of each."""
    features = np.random.default_rng(0).normal(size=(len(COUNTS), 12, 2)).astype("float32")
    return features, np.arange(12) < np.array(COUNTS)[:, None]


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_every_part_from_floor_to_ceil(scans, parts):
    features, mask = scans
    cut, inside = (keras.ops.convert_to_numpy(output) for output in EvenlyCut(parts)(features, mask))
    assert cut.shape == (12, parts, 12 // parts + 2, 2)
    assert inside.shape == (12, parts, 12 // parts + 2)
    for scan, count in enumerate(COUNTS):
        for part in range(parts):
            start, stop = math.floor(part * count / parts), math.ceil((part + 1) * count / parts)
            np.testing.assert_array_equal(cut[scan, part][inside[scan, part]], features[scan, start:stop])


def test_a_part_never_outgrows_its_room(scans):
    """Five slices in three parts: the middle one reaches from 1 to 4, three slices where 5 / 3 rounds up to two."""
    _, inside = EvenlyCut(3)(scans[0][4:5, :5], scans[1][4:5, :5])
    np.testing.assert_array_equal(np.asarray(inside).sum(axis=-1), [[2, 3, 2]])


def test_no_parts():
    with pytest.raises(ValueError, match="Received: parts=0"):
        EvenlyCut(0)


def test_shared_check(tmp_path, scans):
    def make():
        features, mask = keras.Input((None, 2), name="features"), keras.Input((None,), dtype="bool", name="mask")
        return keras.Model({"features": features, "mask": mask}, EvenlyCut(3)(features, mask))

    check(make, dict(zip(("features", "mask"), scans, strict=True)), tmp_path)
