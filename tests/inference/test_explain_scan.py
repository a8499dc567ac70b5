import json
from dataclasses import replace

import cv2
import nibabel
import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.inference import explain_scan, load
from tfcovid.inference.explain_scan import _spread
from tfcovid.preprocess import body_mask
from tfcovid.scans import Scan, read_scan


@pytest.fixture(scope="module")
def scan(held_out):
    return read_scan(held_out)


@pytest.fixture(scope="module")
def explained(system, scan):
    return explain_scan(system, scan, slices=(2, 5), layers=("conv2_block1_out", "conv1_conv"))


def test_the_map_is_that_of_the_diagnosis_within_the_body(explained, scan):
    body, diagnosis = body_mask(scan.hu), explained.diagnosis
    found = np.zeros(scan.shape, np.float32)
    for k, small, (top, left, bottom, right) in zip(
        diagnosis.slices.index, diagnosis.small_map, diagnosis.slices.boxes, strict=True
    ):
        found[k, top:bottom, left:right] = cv2.resize(small, (int(right - left), int(bottom - top)))
    np.testing.assert_allclose(explained.heat[body], found[body], atol=1e-6)
    assert explained.heat.max() > 0 and not explained.heat[~body].any()
    assert explained.method == "lesion prototypes" and explained.map_of == "any label but healthy"
    assert list(explained.share) == ["left lung", "right lung", "both lungs"]


def test_all_files_are_written(explained, tmp_path):
    folder = explained.save(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {
        "explanation.json",
        "heat_map.nii.gz",
        "heat_map.png",
        "features",
    }
    names = [f"{layer}_slice{k}.png" for layer in ("conv1_conv", "conv2_block1_out") for k in (2, 5)]
    assert sorted(path.name for path in (folder / "features").iterdir()) == names
    facts = json.loads((folder / "explanation.json").read_text())
    assert facts["slices_shown"] == [2, 5] and facts["marked_percent"] == explained.share
    with pytest.raises(InputError):
        explained.save(tmp_path / "out")
    sheet = explained.sheet()
    assert [one.get_title() for one in sheet.axes[:2]] == ["slice 5", "slice 2"]
    for figure in (sheet, *explained.sheets.values()):
        assert "Research use only." in figure.get_supxlabel()


def test_a_label_has_a_map_of_its_own(system, scan):
    maps = {label: explain_scan(system, scan, label=label) for label in system.config.labels}
    assert {one.method for one in maps.values()} == {"Grad-CAM"}
    heat = [one.heat for one in maps.values()]
    assert all(one.min() >= 0 and one.max() <= 1 for one in heat) and max(one.max() for one in heat) > 0
    assert not any(np.array_equal(one, heat[0]) for one in heat[1:])
    assert maps["cap"].sheet().axes[-1].get_xlabel() == "cap, Grad-CAM; warm is what speaks for cap"


def test_the_warmest_slice_is_always_on_the_sheet():
    assert _spread(100, 50) == [0, 9, 18, 27, 36, 45, 50, 63, 72, 81, 90, 99]
    assert _spread(3, 1) == [0, 1, 2]


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_the_map_lies_on_the_side_of_the_lesion_in_the_file_it_came_from(explained, tmp_path, flips):
    # A scan whose patient's left, back and upper part is warm, written from any orientation of the file.
    scan = explained.diagnosis.scan
    voxels = scan.voxels.transpose(2, 1, 0)[:: flips[0], :: flips[1], :: flips[2]]
    affine = np.diag([*(np.array(flips) * (-1, -1, 1) * (5.0, 5.5, 20.0)), 1])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(voxels), affine), tmp_path / "scan.nii.gz")
    read = read_scan(tmp_path / "scan.nii.gz")
    heat = np.zeros(read.shape, np.float32)
    heat[6:, 40:, 40:] = 0.5
    replace(explained, diagnosis=replace(explained.diagnosis, scan=read), heat=heat, sheets={}).save(tmp_path / "out")
    written = nibabel.load(tmp_path / "out" / "heat_map.nii.gz")
    np.testing.assert_array_equal(written.affine, affine)
    # nibabel's canonical axes run right, front and up.
    upright = np.asarray(nibabel.as_closest_canonical(written).dataobj)
    assert (upright[:24, :24, 6:] == 50).all() and upright.sum() == 50 * 24 * 24 * 2


def test_what_is_not_there_is_refused(system, scan):
    for words, match in (
        ({"label": "flu"}, "--label: one of healthy, covid-19, h1n1, cap. Received: flu"),
        ({"layers": ("conv9",)}, "--layer: .*Received: conv9"),
        ({"slices": (8,)}, "--slice: from 0 to 7, from the feet. Received: 8"),
    ):
        with pytest.raises(InputError, match=match):
            explain_scan(system, scan, **words)


def test_8_bit_slices_are_explained_where_the_config_states_their_window():
    grey = np.full((1, 96, 96), 0, np.uint8)
    grey[0, 20:80, 10:86] = 230
    grey[0, 30:70, 16:44] = grey[0, 30:70, 52:80] = 90
    found = explain_scan(load("covid_ct"), Scan.from_array(grey, units="8-bit"))
    assert found.method == "class activation map" and found.map_of == "any label but non-covid"
    assert not found.heat[0, :18].any() and found.share["both lungs"] is not None
