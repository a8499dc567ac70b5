import csv
import shutil

import cv2
import numpy as np
import pytest

from tests.data.test_perceptual_hash import picture
from tests.data_folder import DATA, needs_data
from tfcovid.data import Entry, write_manifest
from tfcovid.data.check_manifest import check_manifest
from tfcovid.data.layouts import find_layout
from tfcovid.errors import InputError
from tfcovid.scans import read_scan, write_nifti


@pytest.fixture
def images(tmp_path):
    """Writes images of (name, seed, patient, label, split) and their manifest."""

    def make(*rows, **masks):
        entries = []
        for name, seed, patient, label, split in rows:
            cv2.imwrite(str(tmp_path / name), picture(seed))
            entries.append(Entry(tmp_path / name, patient, label, split, **masks))
        write_manifest(entries, tmp_path / "m.csv")
        return tmp_path / "m.csv"

    return make


CLEAN = (
    ("a.png", 0, "Ann", "covid", "train"),
    ("b.png", 1, "Bob", "healthy", "train"),
    ("c.png", 2, "Cid", "covid", "val"),
    ("d.png", 3, "Dan", "healthy", "val"),
)


SHORT = ("too-few-slices", "odd-spacing")  # of every phantom of eight slices


def found(manifest, **arguments):
    return [(f.severity, f.name, f.about) for f in check_manifest(manifest, **arguments)[1]]


def test_a_clean_cohort_has_no_finding(images):
    assert found(images(*CLEAN)) == []


def test_a_re_encoded_and_resized_copy_is_found_in_another_split_only_if_it_is_of_another_patient(images):
    manifest = images(*CLEAN, ("e.jpg", 0, "Eva", "covid", "val"), ("f.jpg", 2, "Cid", "covid", "val"))
    for name, seed in (("e.jpg", 0), ("f.jpg", 2)):
        small = cv2.resize(picture(seed), (80, 80), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(manifest.parent / name), small, [cv2.IMWRITE_JPEG_QUALITY, 50])
    assert found(manifest) == [("warning", "near-duplicate-across-splits", ("a.png", "e.jpg"))]
    assert found(manifest, near=0) == []


def test_the_name_of_a_near_duplicate_tells_what_is_at_stake(images):
    rows = (*CLEAN, ("e.jpg", 0, "Eva", "covid", "train"), ("f.tif", 0, "Fay", "healthy", "train"))
    assert {name for _, name, _ in found(images(*rows))} == {"near-duplicate", "near-duplicate-other-label"}


def test_identical_files_are_an_error_across_splits_and_labels_and_no_near_duplicates(images):
    rows = (*CLEAN, ("e.png", 0, "Eva", "healthy", "val"), ("f.png", 1, "Bob", "healthy", "train"))
    assert found(images(*rows)) == [
        ("error", "identical-across-splits", ("a.png", "e.png")),
        ("error", "identical-other-label", ("a.png", "e.png")),
        ("warning", "identical-scans", ("b.png", "f.png")),
    ]


def test_all_leaks_and_bad_lines_are_told_at_once(images):
    manifest = images(*CLEAN, ("e.png", 4, "Ann", "healthy", "val"))
    with manifest.open("a") as file:
        file.write("a.png,Ann,covid,val,,,\n,Zoe,covid,train,,,\nb.png,Bob,covid,dev,,,\ngone.png,Gil,Covid,train,,,\n")
        file.write("c.png,Cid,covid,train,,,\n")
    assert set(found(manifest)) == {
        ("error", "scan-listed-twice", ("line 7",)),
        ("error", "empty-field", ("line 8",)),
        ("error", "unknown-split", ("line 9",)),
        ("error", "scan-listed-twice", ("line 11",)),
        ("error", "missing-file", ("gone.png",)),
        ("error", "patient-in-two-splits", ("Ann",)),
        ("warning", "patient-with-two-labels", ("Ann",)),
        ("warning", "labels-alike", ("Covid", "covid")),
        ("warning", "label-missing-in-split", ("val",)),
    }


def test_a_broken_scan_is_an_error_and_the_others_are_still_checked(images):
    manifest = images(*CLEAN)
    (manifest.parent / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (manifest.parent / "c.png").write_bytes((manifest.parent / "d.png").read_bytes())
    assert found(manifest) == [
        ("error", "unreadable-scan", ("a.png",)),
        ("error", "identical-other-label", ("c.png", "d.png")),
    ]


def test_masks_that_are_missing_or_of_another_size_are_told(images, tmp_path):
    cv2.imwrite(str(tmp_path / "mask.png"), np.eye(128, dtype=np.uint8) * 255)
    assert found(images(CLEAN[0], lungs=tmp_path / "mask.png")) == []
    cv2.imwrite(str(tmp_path / "mask.png"), np.eye(64, dtype=np.uint8) * 255)
    manifest = images(CLEAN[0], lungs=tmp_path / "mask.png", lesions=tmp_path / "none.png")
    assert found(manifest) == [
        ("error", "missing-file", ("none.png", "a.png")),
        ("error", "mask-differs", ("mask.png", "a.png")),
    ]


def test_masks_whose_numbers_could_mean_either_are_told_until_the_map_says_it(images, tmp_path):
    mask = np.zeros((128, 128), np.uint8)
    mask[:2], mask[2:3] = 127, 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    [finding] = check_manifest(images(CLEAN[0], lesions=tmp_path / "mask.png"))[1]
    assert (finding.severity, finding.name, finding.about) == ("error", "mask-values", ("mask.png", "a.png"))
    assert "Received: 0 (98 %), 127 (1.6 %), 255 (0.78 %)" in finding.seen
    assert found(images(CLEAN[0], lesions=tmp_path / "mask.png", mask_values="infection=127,255")) == []


def test_a_class_with_few_patients_is_told(images):
    rows = [(f"{n}.png", n, f"p{n}", "covid" if n else "healthy", "train") for n in range(12)]
    [finding] = check_manifest(images(*rows))[1]
    assert (finding.name, finding.seen) == ("class-imbalance", "has 11 patients of covid and 1 of healthy.")


def test_faults_of_scans_are_errors_unless_allowed_and_do_not_hide_copies(cohort, tmp_path):
    first = cohort.entries[0].scan
    for name in ("first", "second"):
        shutil.copytree(first, tmp_path / name)
        sorted((tmp_path / name).iterdir())[3].unlink()
    write_manifest([Entry(tmp_path / name, name, "cap") for name in ("first", "second")], tmp_path / "m.csv")
    assert [finding for finding in found(tmp_path / "m.csv") if finding[1] not in SHORT] == [
        ("error", "missing-slices", ("first",)),
        ("error", "missing-slices", ("second",)),
        ("warning", "identical-scans", ("first", "second")),
    ]
    assert {severity for severity, _, _ in found(tmp_path / "m.csv", allow=["missing-slices"])} == {"warning"}
    with pytest.raises(InputError, match="names of checks"):
        check_manifest(tmp_path / "m.csv", allow=["everything"])


def test_a_scan_converted_to_nifti_is_a_near_duplicate_and_other_phantoms_are_not(cohort, tmp_path):
    scan = read_scan(cohort.entries[0].scan)
    write_nifti(scan.voxels, tmp_path / "copy.nii.gz", like=scan)
    entries = [*cohort.entries, Entry(tmp_path / "copy.nii.gz", "new", cohort.entries[0].label, "train")]
    write_manifest(entries, tmp_path / "m.csv")
    near = [finding for finding in check_manifest(tmp_path / "m.csv")[1] if finding.name.startswith("near-")]
    assert len(near) == 1 and near[0].about[1] == "copy.nii.gz"
    assert "8 of 8 slices alike, the closest 0 of 256 bits apart" in near[0].seen


def test_slice_labels_that_do_not_fit_are_told(cohort, tmp_path):
    def check(patient, rows):
        with (tmp_path / "slices.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("patient", "slice", "lesion"), *rows])
        entry = Entry(cohort.entries[0].scan, patient, "cap", slice_labels=tmp_path / "slices.csv")
        write_manifest([entry], tmp_path / "m.csv")
        return [(severity, name) for severity, name, _ in found(tmp_path / "m.csv") if name not in SHORT]

    whole = [("Ann", k, 1) for k in range(8)]
    assert check("Ann", whole) == []
    assert check("Ann", whole[:7]) == [("error", "slice-labels-differ")]
    assert check("Bob", whole) == [("warning", "no-slice-labels")]
    assert check("Ann", [("Ann", 0, "yes")]) == [("error", "slice-labels-differ")]


@needs_data
def test_covid_ct_has_no_near_duplicates_between_its_patients(tmp_path):
    entries = find_layout("covid-ct")(DATA / "covid_ct")
    write_manifest(entries, tmp_path / "m.csv")
    assert {name for _, name, _ in found(tmp_path / "m.csv")} == {"colour-pixels"}
