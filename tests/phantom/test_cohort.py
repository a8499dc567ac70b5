import csv
import shutil

import nibabel as nib
import numpy as np
import pydicom
import pytest

from tfcovid.errors import InputError
from tfcovid.phantom import LABELS, write_cohort

SETTINGS = {"patients": 2, "seed": 3, "shape": (4, 40, 40)}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort") / "scans", workers=2, **SETTINGS)


def test_class_folders_hold_scans_and_truth_lies_beside(cohort):
    assert {path.name for path in cohort.iterdir()} == set(LABELS.values())
    assert all(path.suffix == ".dcm" for path in cohort.rglob("*") if path.is_file())
    truth = cohort.with_name("scans_masks")
    with (truth / "slice_labels.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 4 * SETTINGS["shape"][0]
    for label in LABELS.values():
        for patient in (cohort / label).iterdir():
            assert len(list(patient.iterdir())) == SETTINGS["shape"][0]
            assert pydicom.dcmread(next(patient.iterdir())).PatientID == patient.name
            lesions = nib.load(truth / label / f"{patient.name}_lesions.nii.gz")
            pixels = np.count_nonzero(np.asarray(lesions.dataobj), axis=(0, 1))
            area = pixels * float(np.prod(lesions.header.get_zooms()[:2]))
            flags = [int(row["lesion"]) for row in rows if row["patient"] == patient.name]
            assert flags == (area >= 30).astype(int).tolist()
            assert pixels.any() == (label != "healthy")


def test_a_patient_depends_on_neither_its_number_of_fellows_nor_the_workers(cohort, tmp_path):
    alone = write_cohort(tmp_path / "scans", workers=1, **{**SETTINGS, "patients": 1})
    found = contents(alone)
    assert len(found) == 4 * SETTINGS["shape"][0]
    assert found.items() <= contents(cohort).items()


def test_an_interrupted_cohort_is_completed_and_the_finished_left_alone(cohort, tmp_path):
    for name in ("scans", "scans_masks"):
        shutil.copytree(cohort.with_name(name), tmp_path / name)
    before = contents(tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "scans").rglob("*.dcm")}
    lost = tmp_path / "scans" / "h1n1" / "h1n1-0001"
    shutil.rmtree(lost)
    # What a killed worker leaves: a half-written patient aside, its masks perhaps already in place.
    (tmp_path / "scans_masks" / ".partial" / "h1n1-0001" / "scan").mkdir(parents=True)
    (tmp_path / "scans_masks" / ".partial" / "h1n1-0001" / "scan" / "IM0001.dcm").write_bytes(b"half")

    write_cohort(tmp_path / "scans", **SETTINGS)

    assert contents(tmp_path) == before
    for path, written in kept.items():
        if path.parent != lost:
            assert path.stat().st_mtime_ns == written


def test_other_settings_or_a_folder_in_use_are_refused(cohort, tmp_path):
    with pytest.raises(InputError, match=r"was begun with .* got .*\"seed\": 4"):
        write_cohort(cohort, **{**SETTINGS, "seed": 4})
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match=f"got {tmp_path}$"):
        write_cohort(tmp_path, **SETTINGS)
    with pytest.raises(InputError, match=r"got 'nrrd'$"):
        write_cohort(tmp_path / "new", format="nrrd")


def test_nifti_scans_are_one_file_a_patient(tmp_path):
    folder = write_cohort(tmp_path / "scans", patients=1, shape=(2, 32, 32), format="nifti", workers=1)
    scans = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.nii.gz"))
    assert scans == sorted(f"{label}/{label}-0000.nii.gz" for label in LABELS.values())
    truth = folder.with_name("scans_masks")
    for scan in scans:
        image = nib.load(folder / scan)
        lungs = nib.load(truth / scan.replace(".nii.gz", "_lungs.nii.gz"))
        np.testing.assert_array_equal(image.affine, lungs.affine)
        assert image.shape == lungs.shape == (32, 32, 2)
