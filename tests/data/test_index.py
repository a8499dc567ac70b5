import shutil

import numpy as np
import pytest
import SimpleITK

from tfcovid.data import index_class_folders, index_table
from tfcovid.errors import InputError


@pytest.fixture
def nifti(tmp_path):
    """Writes a small volume under tmp_path."""

    def write(name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((2, 4, 4), np.int16)), path)
        return path

    return write


def found(folder):
    return {(e.scan.relative_to(folder).as_posix(), e.patient, e.label) for e in index_class_folders(folder)}


def test_dicom_folders_are_scans_of_the_patient_below_the_label(cohort, tmp_path):
    assert found(cohort.folder) == {
        (f"{label}/{label}-{n:04d}", f"{label}-{n:04d}", label)
        for label in ("healthy", "covid-19", "h1n1", "cap")
        for n in range(3)
    }
    source = cohort.folder / "cap" / "cap-0000"
    for scan in ("first", "later/deep"):
        shutil.copytree(source, tmp_path / "cap" / "Ann" / scan)
    assert found(tmp_path) == {("cap/Ann/first", "Ann", "cap"), ("cap/Ann/later/deep", "Ann", "cap")}


def test_volume_files_are_scans_of_the_patient_they_are_named_after(nifti, tmp_path):
    for name in ("cap/Ann.nii.gz", "cap/Bob/a.nii", "cap/Bob/b.nrrd", "healthy/Ü 1.mha"):
        nifti(name)
    (tmp_path / "cap" / "notes.txt").write_text("none of them a scan")
    (tmp_path / ".hidden").mkdir()
    assert found(tmp_path) == {
        ("cap/Ann.nii.gz", "Ann", "cap"),
        ("cap/Bob/a.nii", "Bob", "cap"),
        ("cap/Bob/b.nrrd", "Bob", "cap"),
        ("healthy/Ü 1.mha", "Ü 1", "healthy"),
    }


def test_dots_in_the_names_of_patients_do_not_make_two_patients_one(nifti, tmp_path):
    for name in ("cap/1.2.840.1.nii.gz", "cap/1.2.840.2.nii.gz"):
        nifti(name)
    assert {entry.patient for entry in index_class_folders(tmp_path)} == {"1.2.840.1", "1.2.840.2"}


def test_folders_without_labelled_scans_are_refused(cohort, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        index_class_folders(tmp_path / "none")
    with pytest.raises(InputError, match="<label>/<patient>/"):
        index_class_folders(tmp_path)
    with pytest.raises(InputError, match="give each patient a folder"):
        index_class_folders(cohort.folder / "cap")


def test_a_table_with_other_column_names(nifti, tmp_path):
    nifti("scans/a b.nii")
    table = tmp_path / "list.csv"
    table.write_text("file,id,diagnosis,age,split\nscans/a b.nii,7,cap,40,val\n")
    [entry] = index_table(table, scan="file", patient="id", label="diagnosis")
    assert (entry.scan, entry.patient, entry.label, entry.split) == (tmp_path / "scans/a b.nii", "7", "cap", "val")
    [entry] = index_table(table, scan="file", patient="id", label="diagnosis", split="none")
    assert entry.split is None


def test_a_table_that_lacks_a_column_or_a_scan_is_refused(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("scan,patient,diagnosis\ngone.nii,p,cap\n")
    with pytest.raises(InputError, match=r"no column label\. Columns: scan, patient, diagnosis"):
        index_table(table)
    with pytest.raises(InputError, match=r"1 scan\(s\) do not exist, such as .*gone\.nii"):
        index_table(table, label="diagnosis")


def test_an_empty_cell_in_a_table_is_refused(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("scan,patient,label\n,p,cap\n")
    with pytest.raises(InputError, match="scan is empty"):
        index_table(table)
