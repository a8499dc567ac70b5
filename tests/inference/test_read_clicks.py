import json

import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.inference.read_clicks import read_clicks
from tfcovid.scans import Scan


@pytest.fixture
def scan():
    """10 x 20 x 30 voxels of 5 x 2 x 1 mm, the first at (-15, -20, 100) LPS."""
    affine = np.float64([[1, 0, 0, -15], [0, 2, 0, -20], [0, 0, 5, 100], [0, 0, 0, 1]])
    return Scan.from_array(np.zeros((10, 20, 30), np.int16), affine=affine)


@pytest.fixture
def read(scan, tmp_path):
    def call(content):
        path = tmp_path / "points.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return read_clicks(path, scan)

    return call


@pytest.mark.parametrize(
    ("space", "one", "other"),
    [
        ("voxel", (3, 4, 5), (0, 19, 29)),
        ("lps", (-10, -12, 115), (14, 18, 100)),
        ("ras", (10, 12, 115), (-14, -18, 100)),
    ],
)
def test_points_in_every_space(read, space, one, other):
    clicks = read({"space": space, "positive": [one], "negative": [other, one]})
    np.testing.assert_allclose(clicks.positive, [(3, 4, 5)], atol=1e-9)
    np.testing.assert_allclose(clicks.negative, [(0, 19, 29), (3, 4, 5)], atol=1e-9)
    assert read({"space": space, "negative": [one]}).count == 1


def test_control_points_of_3d_slicer(read):
    """Lists of either coordinate system, signs in label or description, and points that are not placed yet."""
    first = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "controlPoints": [
            {"id": "1", "label": "F-1", "description": "", "position": [-10, -12, 115], "positionStatus": "defined"},
            {"id": "2", "label": "Negative-1", "position": [-15, -20, 100]},
            {"id": "3", "label": "F-3", "position": [0, 0, 0], "positionStatus": "undefined"},
        ],
    }
    second = {
        "coordinateSystem": "RAS",
        "controlPoints": [
            {"label": "vessel", "description": "neg", "position": [10, 12, 115]},
            {"label": "negligible lesion", "position": [15, 20, 100]},
        ],
    }
    clicks = read({"@schema": "https://", "markups": [first, second]})
    np.testing.assert_allclose(clicks.positive, [(3, 4, 5), (0, 0, 0)], atol=1e-9)
    np.testing.assert_allclose(clicks.negative, [(0, 0, 0), (3, 4, 5)], atol=1e-9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "this is not JSON. Give {.*Received: "),
        ([[1, 2, 3]], r"these are no clicks. Give .* Received: \[\[1, 2, 3\]\]"),
        ({"positive": [[1, 2, 3]]}, r"these are no clicks. Give .* Received: \['positive'\]"),
        ({"space": "voxel", "foreground": [[1, 2, 3]]}, "no clicks.*'foreground'"),
        ({"space": ["voxel"], "positive": []}, r'"space" is one of voxel, lps, ras. Received: \[\'voxel\'\]'),
        ({"space": "voxel", "positive": [[1, 2]]}, r"three finite numbers each. Received: \[\[1, 2\]\]"),
        ({"space": "voxel", "positive": {"x": 1}}, "three finite numbers each. Received: {'x': 1}"),
        ('{"space": "voxel", "positive": [[1, 2, NaN]]}', r"three finite numbers each. Received: \[\[1, 2, nan\]\]"),
        ({"space": "voxel", "positive": [[1, 2, 30]]}, "k 0 to 9, j 0 to 19, i 0 to 29. Received: k,j,i = 1,2,30"),
        ({"space": "lps", "negative": [[15, 0, 120]]}, "x -15.5 to 14.5, .* Received: x,y,z = 15,0,120"),
        ({"space": "voxel", "positive": []}, "no point in it. Give {.*Received: {'space': 'voxel', 'positive'"),
        ({"markups": []}, "no point in it"),
        ({"markups": [{"controlPoints": []}]}, r"markups\[0\] lacks .*Received: KeyError\('coordinateSystem'\)"),
        ({"markups": [7]}, r"markups\[0\] lacks"),
        (
            {"markups": [{"coordinateSystem": "LPS", "controlPoints": [{"label": "F"}]}]},
            r"markups\[0\] lacks .*position",
        ),
        ({"markups": [{"coordinateSystem": "IJK", "controlPoints": []}]}, "is LPS or RAS. Received: 'ijk'"),
    ],
)
def test_a_file_that_holds_no_clicks_on_this_scan(read, content, message):
    with pytest.raises(InputError, match=f"points.json: .*{message}"):
        read(content)


def test_a_file_that_is_not_there(scan, tmp_path):
    with pytest.raises(InputError, match="no such file of points: "):
        read_clicks(tmp_path / "none.json", scan)
