import json

import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.inference.severity import severity
from tfcovid.phantom import make_phantom

MM = (5.0, 2.0, 1.0)  # 0.01 ml a voxel
SHAPE = (6, 10, 20)


def _lungs(right=True, left=True):
    lungs = np.zeros(SHAPE, np.uint8)
    if right:
        lungs[1:5, 2:8, 1:8] = 2  # 168 voxels
    if left:
        lungs[1:5, 2:8, 12:17] = 1  # 120
    return lungs


def _infection(*boxes):
    infection = np.zeros(SHAPE, bool)
    for box in boxes:
        infection[box] = True
    return infection


def _regions(found):
    return {row["region"]: tuple(row.values())[1:] for row in found["regions"]}


def test_volumes_and_shares_of_each_lung_and_of_both():
    found = severity(_lungs(), _infection(np.s_[1:3, 2:5, 1:8], np.s_[4, 2:8, 12:17]), MM)
    assert _regions(found) == {
        "left lung": (1.2, 0.3, 25.0),
        "right lung": (1.68, 0.42, 25.0),
        "both lungs": (2.88, 0.72, 25.0),
    }
    assert found["infection_ml"] == 0.72
    json.dumps(found, allow_nan=False)


def test_lesions_join_at_corners_and_stand_largest_first():
    found = severity(_lungs(), _infection(np.s_[1, 2:4, 1:3], np.s_[2, 4:6, 3:6], np.s_[3:5, 2:8, 12:14]), MM)
    assert found["lesion_count"] == 2
    keys = ("lesion", "ml", "lung", "slice", "first_slice", "last_slice", "row", "column")
    assert [tuple(row[key] for key in keys) for row in found["lesions"]] == [
        (1, 0.24, "left lung", 3, 3, 4, 4.5, 12.5),
        (2, 0.1, "right lung", 2, 1, 2, 3.5, 3.0),
    ]


def test_infection_drawn_over_the_lungs_counts_as_the_nearer_lung():
    lungs, infection = _lungs(), _infection(np.s_[1:3, 2:5, 5:8], np.s_[3:5, 4:8, 12:14])
    over = np.where(infection, 0, lungs)
    assert severity(over, infection, MM) == severity(lungs, infection, MM)
    between = severity(lungs, _infection(np.s_[2, 4, 9], np.s_[2, 4, 10]), MM)
    assert _regions(between)["left lung"][:2] == (1.21, 0.01) and _regions(between)["right lung"][:2] == (1.69, 0.01)


def test_a_lung_without_volume_has_no_share():
    found = _regions(severity(_lungs(left=False), _infection(np.s_[1:3, 2:5, 1:8]), MM))
    assert found["left lung"] == (0.0, 0.0, None) and found["right lung"] == found["both lungs"] == (1.68, 0.42, 25.0)
    beside = severity(_lungs(left=False), _infection(np.s_[1, 2, 18]), MM)
    assert _regions(beside)["right lung"] == (1.69, 0.01, 0.592)
    none = severity(_lungs(False, False), _infection(np.s_[1, 1, 1]), MM)
    assert _regions(none)["both lungs"] == (0.0, 0.0, None)
    assert none["infection_ml"] == 0.01 and none["lesions"][0]["lung"] is None


def test_each_third_of_a_lung_is_scored_by_its_share():
    lungs = np.zeros((9, 10, 40), np.uint8)
    lungs[:, :, :20], lungs[3:, :, 20:] = 2, 1  # right: slices 0 to 8; left: 3 to 8
    infection = np.zeros(lungs.shape, bool)
    infection[0, 0, 0] = True  # 1 of 600 voxels
    infection[3:6, :1, :20] = infection[6:9, :3, :20] = True  # 10 % and 30 %
    infection[3:5, :5, 20:] = infection[7:9, :8, 20:] = True  # 50 % and 80 %
    zones = severity(lungs, infection, MM)
    assert [(zone["zone"], zone["involved_percent"], zone["score"]) for zone in zones["zones"]] == [
        ("lower left lung", 50, 4),
        ("middle left lung", 0, 0),
        ("upper left lung", 80, 5),
        ("lower right lung", 0.167, 1),
        ("middle right lung", 10, 2),
        ("upper right lung", 30, 3),
    ]
    assert (zones["severity_score"], zones["severity_most"]) == (15, 30)
    one = severity(np.where(lungs == 2, 2, 0), infection & (lungs == 2), MM)
    assert (one["severity_score"], one["severity_most"]) == (6, 15)
    thin = severity(lungs[:4], infection[:4], MM)  # one slice of the left lung
    assert (thin["zones"], thin["severity_score"], thin["severity_most"]) == ([], None, None)


def test_healthy_lungs_have_no_lesions():
    found = severity(_lungs(), _infection(), MM)
    assert (found["lesion_count"], found["lesions"], found["infection_ml"]) == (0, [], 0)
    assert _regions(found)["both lungs"] == (2.88, 0.0, 0.0)


def test_a_phantom_is_measured_by_its_truth():
    phantom = make_phantom("covid", seed=3, shape=(16, 64, 64), severity=0.6)
    found = severity(phantom.lungs, phantom.lesions > 0, phantom.spacing)
    share = 100 * (phantom.lesions > 0).sum() / (phantom.lungs > 0).sum()
    assert _regions(found)["both lungs"][2] == pytest.approx(share, abs=5e-4)
    assert sum(row["ml"] for row in found["lesions"]) == pytest.approx(found["infection_ml"], abs=0.01)


def test_masks_of_two_scans_are_refused():
    with pytest.raises(InputError, match=r"\(6, 10, 20\) and \(5, 10, 20\)"):
        severity(_lungs(), _infection()[1:], MM)
    with pytest.raises(InputError, match="infection of uint8"):
        severity(_lungs(), _lungs(), MM)
