import pytest

from tfcovid.data.layouts.phantom import phantom
from tfcovid.data.manifest import slice_marks
from tfcovid.errors import InputError


def test_every_phantom_has_its_masks_and_its_slice_labels(cohort):
    entries = phantom(cohort.folder)
    assert [(e.scan, e.patient, e.label) for e in entries] == [(e.scan, e.patient, e.label) for e in cohort.entries]
    for entry in entries:
        assert entry.lungs.is_file() and entry.lungs.name == f"{entry.patient}_lungs.nii.gz"
        assert entry.lesions.is_file() and entry.lesions.parent.name == entry.label
        assert len(slice_marks(entry)) == 8


def test_class_folders_without_truth_are_no_phantoms(lay_out):
    folder = lay_out("cohort/cap/one.nii") / "cohort"
    with pytest.raises(InputError, match=r"cohort_masks/slice_labels\.csv"):
        phantom(folder)
