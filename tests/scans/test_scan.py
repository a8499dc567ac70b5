import subprocess
import sys

import numpy as np
import pytest

from tests.scans.chest import canonical_affine, chest
from tfcovid.errors import InputError
from tfcovid.scans import Scan


def test_from_array_takes_spacing_or_an_affine():
    scan = Scan.from_array(chest(), (2.5, 0.75, 0.625))
    np.testing.assert_array_equal(scan.affine, np.diag([0.625, 0.75, 2.5, 1]))
    assert scan == Scan.from_array(chest(), (2.5, 0.75, 0.625)) and hash(scan)
    assert scan.key != Scan.from_array(chest()).key != Scan.from_array(chest() + 1).key
    placed = Scan.from_array(chest(), affine=canonical_affine())
    assert placed.spacing == pytest.approx((2.5, 0.75, 0.625))
    np.testing.assert_array_equal(placed.restore(placed.hu), chest())
    assert Scan.from_array(chest().astype(np.uint8), units="8-bit").units == "8-bit"


@pytest.mark.parametrize(
    "wrong",
    [
        {"voxels": chest().astype(np.float32)},
        {"voxels": chest()[0]},
        {"units": "8-bit"},
        {"units": "mm"},
        {"affine": np.diag([-1.0, 1, 1, 1])},
        {"affine": np.eye(4)[[1, 0, 2, 3]]},
    ],
)
def test_from_array_refuses_what_is_not_canonical(wrong):
    with pytest.raises(InputError, match="Got: "):
        Scan.from_array(**{"voxels": chest(), **wrong})


def test_the_room_imports_without_the_heavy_libraries():
    code = (
        "import sys, tfcovid.scans; "
        "print([m for m in ('pydicom', 'nibabel', 'SimpleITK', 'cv2', 'rich', 'tensorflow', 'imagecodecs') "
        "if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
