import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcovid.data import Entry, read_manifest, slice_targets, write_manifest
from tfcovid.errors import InputError

LABELS = ("healthy", "covid-19", "cap")
# Whatever a person may type; the surrounding space of a cell does not count, so the words are closed by letters.
words = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), max_size=12).map(
    "ä{}z".format
)


def table(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=5, unique_by=lambda row: row[0]))
def test_a_manifest_is_read_back_as_it_was_written(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("manifest")
    more = {"lesions": folder / "m 100%.nii", "mask_values": "infection=127,255"}
    entries = [Entry(folder / "scans" / s, p, label, "val", **more) for s, p, label in rows]
    write_manifest(entries, folder / "manifest.csv")
    assert read_manifest(folder / "manifest.csv") == entries
    assert [path.name for path in folder.iterdir()] == ["manifest.csv"]


def test_paths_are_relative_to_the_manifest_and_move_with_it(tmp_path):
    scan = tmp_path / "cohort" / "a b" / "ä 50%.nii.gz"
    write_manifest([Entry(scan, "p", "cap")], tmp_path / "lists" / "manifest.csv")
    text = (tmp_path / "lists" / "manifest.csv").read_text(encoding="utf-8")
    assert str(tmp_path) not in text and "../cohort/a b/ä 50%.nii.gz" in text
    (tmp_path / "lists").rename(tmp_path / "moved")
    [entry] = read_manifest(tmp_path / "moved" / "manifest.csv")
    assert Path(os.path.normpath(entry.scan)) == scan


def test_a_spreadsheets_byte_order_mark_and_spaces_do_no_harm(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_bytes("\ufeffscan, patient ,label\r\n a.nii , p 1 ,cap\r\n".encode())
    assert read_manifest(path) == [Entry(tmp_path / "a.nii", "p 1", "cap")]


@pytest.mark.parametrize(
    "rows, words",
    [
        ([["scan", "patient"], ["a", "p"]], "Missing: label. Unknown: none."),
        ([["scan", "patient", "label", "age"], ["a", "p", "cap", "3"]], "Missing: none. Unknown: age."),
        ([["scan", "patient", "label"], ["a", "", "cap"]], "line 2: patient is empty."),
        ([["scan", "patient", "label"], ["a"]], "line 2: patient, label is empty."),
        ([["scan", "patient", "label", "split"], ["a", "p", "cap", "dev"]], "line 2: split is train, val or test."),
        (
            [["scan", "patient", "label", "mask_values"], ["a", "p", "cap", "ill=3"]],
            "line 2: mask values are written as infection=127,255",
        ),
        ([["scan", "patient", "label"], ["a", "p", "cap"], ["./a", "q", "cap"]], "line 3: this scan stands on line 2"),
        ([["scan", "patient", "label"]], "a table needs a header and at least one row."),
    ],
)
def test_a_fault_names_the_file_and_the_line(tmp_path, rows, words):
    path = table(tmp_path / "m.csv", *rows)
    with pytest.raises(InputError) as raised:
        read_manifest(path)
    assert str(raised.value).startswith(str(path)) and words in str(raised.value)


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"no such file: {tmp_path}/none.csv"):
        read_manifest(tmp_path / "none.csv")
    (tmp_path / "scan.dcm").write_bytes(bytes(range(256)))
    for path in (tmp_path, tmp_path / "scan.dcm"):
        with pytest.raises(InputError, match="not readable as a CSV table"):
            read_manifest(path)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"scan;patient;label\na;p;cap\n", r"cells are separated by commas.*Received: ';'"),
        (b"scan\tpatient\tlabel\na\tp\tcap\n", r"cells are separated by commas.*Received: '\\t'"),
        ("scan,patient,label\na,p,cap\n".encode("utf-16"), "save it as CSV with UTF-8"),
        (b"scan,patient,label, label\na,p,cap,flu\n", "Received twice: label"),
        (b'scan,patient,label\na,p,cap\n\n\nb,"q\nr",\n', "line 6: label is empty"),
    ],
    ids=["semicolons", "tabs", "utf-16", "column-twice", "blank-lines-count"],
)
def test_what_a_spreadsheet_may_write_is_told_with_its_line(tmp_path, written, words):
    (tmp_path / "m.csv").write_bytes(written)
    with pytest.raises(InputError, match=words):
        read_manifest(tmp_path / "m.csv")


def test_a_row_with_more_cells_than_the_header_is_refused(tmp_path):
    path = table(tmp_path / "m.csv", ["scan", "patient", "label"], ["a", "p", "cap", "stray"])
    with pytest.raises(InputError, match="line 2"):
        read_manifest(path)


def test_a_patient_in_two_splits_is_named(tmp_path):
    header = ["scan", "patient", "label", "split"]
    path = table(
        tmp_path / "m.csv", header, ["a", "Ann", "cap", "train"], ["b", "Ann", "cap", "test"], ["c", "B", "cap", "val"]
    )
    with pytest.raises(InputError, match="Ann in test and train"):
        read_manifest(path)
    path = table(tmp_path / "m.csv", header, ["a", "Ann", "cap", "train"], ["b", "Ann", "cap", ""])
    with pytest.raises(InputError, match="Ann in none and train"):
        read_manifest(path)


def marks(path, *rows, header=("slice", "lesion")):
    return Entry(Path("scan"), "p", "cap", slice_labels=table(path / "slices.csv", header, *rows))


def test_a_diseased_scan_keeps_its_marked_slices_and_a_healthy_one_all(tmp_path):
    entry = marks(tmp_path, (2, 1), (0, 0), (1, 1))
    assert slice_targets(entry, LABELS, 3).tolist() == [-1, 2, 2]
    assert slice_targets(entry, LABELS, 3, free="healthy").tolist() == [0, 2, 2]
    assert slice_targets(entry, LABELS, 3).dtype == np.int32
    healthy = Entry(entry.scan, "p", "healthy", slice_labels=entry.slice_labels)
    assert slice_targets(healthy, LABELS, 3).tolist() == [0, 0, 0]
    unmarked = Entry(entry.scan, "p", "covid-19")
    assert slice_targets(unmarked, LABELS, 3).tolist() == [1, 1, 1]


def test_a_table_of_the_whole_cohort_gives_each_patient_its_own_rows(tmp_path):
    entry = marks(tmp_path, ("q", 0, 1), ("p", 0, 0), ("p", 1, 1), header=("patient", "slice", "lesion"))
    assert slice_targets(entry, LABELS, 2).tolist() == [-1, 2]
    with pytest.raises(InputError, match="patient nobody needs one row"):
        slice_targets(Entry(entry.scan, "nobody", "cap", slice_labels=entry.slice_labels), LABELS, 2)


@pytest.mark.parametrize(
    "rows",
    [
        [(0, 1)],
        [(0, 1), (1, 0), (2, 0)],
        [(0, 1), (2, 0)],
        [(1, 1), (2, 0)],
        [(0, 1), (1, 0), (1, 1)],
    ],
    ids=["too-few", "too-many", "gap", "from-one", "slice-twice"],
)
def test_slice_labels_that_do_not_fit_the_scan_are_refused(tmp_path, rows):
    with pytest.raises(InputError, match=r"slices\.csv: patient p needs one row"):
        slice_targets(marks(tmp_path, *rows), LABELS, 2)


def test_slice_labels_that_are_no_numbers_or_have_other_columns_are_refused(tmp_path):
    with pytest.raises(InputError, match="line 2: slice is a whole number"):
        slice_targets(marks(tmp_path, (0, "yes"), (1, "no")), LABELS, 2)
    with pytest.raises(InputError, match="Received: slice, tumour"):
        slice_targets(marks(tmp_path, (0, 1), (1, 0), header=("slice", "tumour")), LABELS, 2)
