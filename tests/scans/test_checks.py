import re
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.scans.chest import chest
from tfcovid.errors import InputError
from tfcovid.scans import CHECKS, read_scan


def save(path, hu, affine=(-1, -1, 2, 1)):
    nibabel.save(nibabel.Nifti1Image(hu.transpose(), np.diag(affine)), path)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda hu: hu + 1024, "intercept of -1024 was not added"),
        (lambda hu: (hu > -500).astype(np.uint8), "label map or like 8-bit"),
        (lambda hu: hu.clip(-160, 240), "windowed or normalised"),
        (lambda hu: ((hu + 1000) / 1500).astype(np.float32), "label map or like 8-bit"),
        (lambda hu: np.where(np.arange(48) < 5, -2000, hu + 1024).astype(np.int16), "intercept of -1024"),
        (lambda hu: np.full_like(hu, -1000), "are too few"),
    ],
    ids=["offset", "mask", "windowed", "normalised", "padded-offset", "empty"],
)
def test_values_that_are_not_hu_stop_the_reading(tmp_path, change, words):
    path = save(tmp_path / "scan.nii", change(chest()))
    with pytest.raises(InputError, match=rf"not-hu: Values run from .*{words}"):
        read_scan(path)


def test_what_is_allowed_though_not_hu_is_8_bit_where_it_fits(tmp_path):
    mask = read_scan(save(tmp_path / "mask.nii", (chest() > -500).astype(np.uint8)), allow=["not-hu"])
    assert mask.units == "8-bit" and mask.voxels.dtype == np.uint8 and mask.voxels.max() == 1
    window = read_scan(save(tmp_path / "window.nii", chest().clip(-160, 240)), allow=["not-hu"])
    assert window.units == "HU" and window.hu.min() == -160


def test_few_slices_odd_spacing_and_a_patient_upside_down_are_reported(tmp_path):
    few = read_scan(save(tmp_path / "few.nii", chest(9)))
    assert [finding.name for finding in few.findings] == ["too-few-slices"] and "only 9" in str(few.findings[0])
    metres = read_scan(save(tmp_path / "metres.nii", chest(), (-0.001, -0.001, 0.002, 1)))
    assert [finding.name for finding in metres.findings] == ["odd-spacing"]
    turned = read_scan(save(tmp_path / "turned.nii", chest()[:, ::-1]))
    assert [finding.name for finding in turned.findings] == ["upside-down"]


def test_every_check_has_a_severity_a_fix_and_a_test_that_plants_its_fault():
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    for name, (severity, fix) in CHECKS.items():
        assert severity in ("error", "warning", "info") and fix.endswith(".")
        assert len(re.findall(rf"{name}\b", tests)) > 0, f"no test speaks of {name}"
