import csv
import json

import cv2
import nibabel
import numpy as np
import pytest

from tfcovid.inference import Clicks, Segmentation, SegmentationSystem, segment_folder
from tfcovid.scans import Scan, read_scan

FILES = {"segmentation.json", "masks.nii.gz", "labels.txt", "volumes.csv", "figure.png", "scroll.html"}


@pytest.fixture
def found(infection_outliner, lung_outliner, chest):
    """A click in the right lung; slice 0 shows no lung."""
    infection_outliner.finder = lung_outliner
    yield infection_outliner.segment(chest(), Clicks([(5, 20, 17)], [(8, 60, 60)]))
    infection_outliner.finder = None


def write(scan, path, flips):
    """A NIfTI of the scan whose axes run the other way where `flips` is -1."""
    flips = np.array(flips)
    voxels = scan.voxels.transpose(2, 1, 0)[:: flips[0], :: flips[1], :: flips[2]]
    affine = np.diag([*(flips * (-1, -1, 1) * scan.spacing[::-1]), 1])
    affine[:3, 3] = (11, -22, 33)
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(voxels), affine), path)
    return path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_masks_lie_over_the_file_they_came_from_however_its_axes_run(lung_outliner, chest, tmp_path, flips):
    path = write(chest(), tmp_path / "scan.nii.gz", flips)
    scan = read_scan(path)
    found = lung_outliner.segment(scan)
    np.testing.assert_array_equal(found.masks, lung_outliner.segment(chest()).masks)
    found.save(tmp_path / "out")
    written, source = nibabel.load(tmp_path / "out" / "masks.nii.gz"), nibabel.load(path)
    assert written.shape == source.shape and written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(written.affine, source.affine)
    masks, voxels = np.asarray(written.dataobj), np.asarray(source.dataobj)
    np.testing.assert_array_equal(masks > 0, voxels == -800)
    # x runs to the patient's left in LPS and to the right in NIfTI: the left lung, 1, lies at the lower x.
    x = nibabel.affines.apply_affine(written.affine, np.argwhere(masks == 1))[:, 0]
    assert x.max() < nibabel.affines.apply_affine(written.affine, np.argwhere(masks == 2))[:, 0].min()


def test_all_files_are_written_and_say_the_same(found, tmp_path):
    found.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES | {"lesions.csv"}
    summary = json.loads((tmp_path / "out" / "segmentation.json").read_text())
    assert summary["labels"] == {"background": 0, "left lung": 1, "right lung": 2, "infection": 3}
    assert summary["slices_without_lung"] == [0]
    assert summary["clicks"]["slice_row_column"] == {"positive": [[5, 20, 17]], "negative": [[8, 60, 60]]}
    # An array's first voxel is at 0 mm, and (x, y, z) are columns, rows and slices.
    assert summary["clicks"]["lps_mm"]["positive"] == [[34, 40, 25]]
    assert summary["bundle"] == {"name": "clicked"} and summary["settings"]["name"] == "tiny_infection"
    voxel = 5 * 2 * 2 / 1000
    [lesion] = summary["lesions"]
    assert lesion["ml"] == pytest.approx(np.count_nonzero(found.infection) * voxel) == summary["infection_ml"]
    assert lesion["lung"] == "right lung" and summary["lesion_count"] == 1
    regions = rows(tmp_path / "out" / "volumes.csv")
    assert [row["region"] for row in regions] == ["left lung", "right lung", "both lungs"]
    left = np.count_nonzero(found.sides == 1) * voxel
    assert float(regions[0]["volume_ml"]) == pytest.approx(left) and float(regions[0]["infection_ml"]) == 0
    assert [float(row["ml"]) for row in rows(tmp_path / "out" / "lesions.csv")] == [lesion["ml"]]
    assert (tmp_path / "out" / "labels.txt").read_text().count('"') == 8
    for text in (summary["notice"], (tmp_path / "out" / "scroll.html").read_text()):
        assert "Research use only" in text


def test_a_segmenter_of_lungs_alone_says_nothing_of_infection(lung_outliner, chest, tmp_path):
    found = lung_outliner.segment(chest())
    assert [row["infection_ml"] for row in found.table] == [None] * 3
    assert [row["involved_percent"] for row in found.table] == [None] * 3
    assert found.severity["lesion_count"] is None and found.table[2]["volume_ml"] > 0
    assert found.notice.endswith("A threshold.") and found.summary["clicks"] is None
    assert {path.name for path in found.save(tmp_path / "out").iterdir()} == FILES


def test_without_lungs_infection_is_still_measured(infection_outliner, chest):
    found = infection_outliner.segment(chest(), Clicks([(5, 20, 17)]))
    assert found.summary["slices_without_lung"] is None
    assert [row["involved_percent"] for row in found.table] == [None] * 3
    assert found.severity["infection_ml"] > 0 and found.severity["lesions"][0]["lung"] is None


def test_volumes_are_unknown_where_the_scan_does_not_say_how_large_a_voxel_is(lung_outliner, chest, tmp_path):
    grey = np.where(chest().hu[5] == -800, 90, 232).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "slice.png"), grey)
    level = {"eight_bit": {"center": -600, "width": 1500}}
    system = SegmentationSystem(
        type(lung_outliner.config).model_validate(lung_outliner.config.model_dump() | level), lung_outliner.network, {}
    )
    found = system.segment(read_scan(tmp_path / "slice.png"))
    np.testing.assert_array_equal(found.sides[0] > 0, grey == 90)
    assert [row["volume_ml"] for row in found.table] == [None] * 3
    found.save(tmp_path / "out")
    assert [row["volume_ml"] for row in rows(tmp_path / "out" / "volumes.csv")] == [""] * 3


def test_a_failure_leaves_no_folder(found, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Segmentation, "plot", full)
    with pytest.raises(OSError, match="No space left"):
        found.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_scans_goes_on_past_a_bad_one_and_lists_them_all(lung_outliner, chest, tmp_path):
    folder, out = tmp_path / "scans", tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    write(chest(), folder / "deep" / "b.nii.gz", (1, 1, 1))
    (folder / "a.nii.gz").write_bytes((folder / "deep" / "b.nii.gz").read_bytes()[:-20])
    air = Scan.from_array(np.minimum(chest().hu, -520), (5.0, 2.0, 2.0))
    write(air, folder / "c.nii.gz", (1, 1, 1))
    outcomes = {one.name: one for one in segment_folder(lung_outliner, folder, out, allow=["not-hu"])}
    assert [name for name, one in outcomes.items() if one.error is None] == ["deep/b.nii.gz"]
    assert {path.name for path in out.iterdir()} == {"deep", "segmentations.csv"}
    table = {row["scan"]: row for row in rows(out / "segmentations.csv")}
    assert set(table) == set(outcomes) == {"a.nii.gz", "c.nii.gz", "deep/b.nii.gz"}
    assert "nothing but air" in table["c.nii.gz"]["error"] and not table["c.nii.gz"]["both_lungs_volume_ml"]
    good, summary = table["deep/b.nii.gz"], outcomes["deep/b.nii.gz"].summary
    assert float(good["both_lungs_volume_ml"]) == summary["regions"][2]["volume_ml"] > 0
    assert good["both_lungs_infection_ml"] == "" and good["key"] == summary["scan"]["key"]

    # Those already there are kept.
    before = (out / "deep" / "b.nii.gz" / "segmentation.json").stat().st_ino
    again = segment_folder(lung_outliner, folder, out, allow=["not-hu"])
    assert [one.error is None for one in again] == [False, False, True]
    assert (out / "deep" / "b.nii.gz" / "segmentation.json").stat().st_ino == before
