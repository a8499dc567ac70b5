import numpy as np
import pytest

from tfcovid.data import Entry
from tfcovid.errors import InputError
from tfcovid.inference.score_masks import score_masks
from tfcovid.scans import write_nifti

MIDDLE = (5, 24, 17)


@pytest.fixture
def entry(chest, tmp_path):
    """A scan with its lungs, and an infection within 14 mm of a voxel; beside it nobody looked in the last slice."""
    scan = chest()
    far = np.linalg.norm((np.indices(scan.shape).T - MIDDLE).T * np.reshape(scan.spacing, (3, 1, 1, 1)), axis=0)
    infection = (far < 14).astype(np.uint8)
    infection[9] = 255
    write_nifti(scan.hu, tmp_path / "scan.nii.gz", like=scan)
    write_nifti((scan.hu == -800).astype(np.uint8), tmp_path / "lungs.nii.gz", like=scan)
    write_nifti(infection, tmp_path / "lesions.nii.gz", like=scan)
    names = {column: tmp_path / f"{column}.nii.gz" for column in ("lungs", "lesions")}
    return Entry(tmp_path / "scan.nii.gz", "p", "covid", **names)


def test_a_right_mask_scores_one_and_is_given_with_its_truth(lung_outliner, entry):
    [one] = score_masks(lung_outliner, [entry])
    assert one.error is None and one.by_clicks is None
    assert one.scores.voxel_accuracy == 1 and one.scores.labels["lung"].dice == 1
    np.testing.assert_array_equal(one.found, one.truth)
    assert one.found.max() == 1


def test_a_simulated_reader_needs_one_click_in_the_middle(infection_outliner, entry):
    """Of what lies within 14 mm of a voxel the segmenter gives 14.4 mm around a click."""
    [one] = score_masks(infection_outliner, [entry], clicks=(0, 1))
    assert one.scores.labels["infection"].case == "prediction empty"
    assert list(one.by_clicks) == [0, 1] and one.by_clicks[0] == 0 and one.by_clicks[1] > 0.9
    assert set(np.unique(one.truth)) == {0, 1, 255}


def test_bad_scans_and_bad_masks_are_told_and_the_others_scored(lung_outliner, entry, tmp_path):
    from dataclasses import replace

    (tmp_path / "text.txt").write_text("no scan")
    bad = [
        replace(entry, scan=tmp_path / "text.txt"),
        replace(entry, lungs=None),
        replace(entry, lungs=tmp_path / "no"),
    ]
    found = list(score_masks(lung_outliner, [*bad, entry]))
    assert [one.error is None for one in found] == [False, False, False, True]
    assert "there is no scan here" in found[0].error and "column lungs" in found[1].error
    assert "no such mask" in found[2].error and [one.entry for one in found] == [*bad, entry]


def test_clicks_are_for_segmenters_that_take_them(lung_outliner, entry):
    with pytest.raises(InputError, match="tiny_lungs takes no clicks"):
        list(score_masks(lung_outliner, [entry], clicks=(0, 1)))
