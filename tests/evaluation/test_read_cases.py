import csv

import pytest

from tfcovid.errors import InputError
from tfcovid.evaluation.read_cases import read_cases


def _table(path, header, *lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *(line.split(",") for line in lines)])
    return path


@pytest.fixture
def write(tmp_path):
    return lambda name, header, *lines: _table(tmp_path / name, header, *lines)


def test_a_foreign_table_and_a_manifest_are_put_together(write):
    found = write("p.csv", "id,p_covid,p_healthy", "x/2.nii,0.9,0.1", "x/1.nii,0.4,0.6", "x/3.nii,0.5,0.5")
    truth = write(
        "manifest.csv",
        "scan,patient,label,split",
        *("x/1.nii,a,covid,test", "x/2.nii,a,covid,test", "x/3.nii,b,healthy,test", "x/4.nii,c,covid,"),
    )
    read, notes = read_cases(found, truth, labels=["healthy", "covid"])
    assert read.labels == ("healthy", "covid") and read.cases == ("x/2.nii", "x/1.nii", "x/3.nii")
    assert read.patients == ("a", "a", "b") and read.truth.tolist() == [1, 1, 0]
    assert read.probabilities[:, 1].tolist() == [0.9, 0.4, 0.5] and read.called.tolist() == [1, 0, 0]
    assert notes == [
        "1 of 4 in manifest.csv without a prediction, e.g. x/4.nii",
        "1 with several likeliest labels: the first of them, as labels are listed, was called",
        "labels: healthy (negative), covid",
    ]
    patients = read_cases(found, truth, "patient", ["healthy", "covid"])[0]
    assert patients.level == "patient" and patients.probabilities[:, 1].tolist() == [0.65, 0.5]


def test_the_table_of_predict_matches_by_the_ends_of_names(write):
    """Its names are paths in the folder of scans, those of a manifest start elsewhere."""
    found = write(
        "predictions.csv",
        "scan,diagnosis,p_healthy,p_covid,error",
        *("covid/1,covid,0.2,0.8,", "healthy/1,covid,0.6,0.4,", "covid/2,,,,no slices", "other/9,covid,0.2,0.8,"),
    )
    truth = write(
        "t.csv", "scan,patient,label", "cohort/covid/1,a,covid", "cohort/healthy/1,b,healthy", "cohort/covid/2,c,covid"
    )
    read, notes = read_cases(found, truth)
    assert read.cases == ("cohort/covid/1", "cohort/healthy/1") and read.called.tolist() == [1, 1]
    assert read.patients == ("a", "b")
    assert notes[:3] == [
        "1 could not be read, for example covid/2: no slices",
        "3 matched by the ends of their names, for example covid/1 and cohort/covid/1",
        "1 predictions without truth were left out, for example other/9",
    ]
    assert len(notes) == 4  # the one that could not be read is not said to be missing again


def test_slices_take_the_truth_of_their_scan_or_their_own(write):
    found = write("p.csv", "scan,slice,p_covid", "1,0,0.9", "1,1,0.2", "2,0,0.4")
    scans = write("t.csv", "scan,patient,label", "1,a,covid", "2,b,healthy")
    read, _ = read_cases(found, scans, "slice")
    assert read.cases == ("1#0", "1#1", "2#0") and read.patients == ("a", "a", "b")
    assert read.labels == ("healthy", "covid") and read.truth.tolist() == [1, 1, 0] and read.level == "slice"
    named = write("q.csv", "scan,p_covid,patient", "1#0,0.9,a", "1#1,0.2,a", "2#0,0.4,b")
    read, _ = read_cases(named, scans, "slice")
    assert read.cases == ("1#0", "1#1", "2#0") and read.truth.tolist() == [1, 1, 0]
    slices = write("s.csv", "scan,slice,label", "1,0,covid", "1,1,healthy", "2,0,healthy")
    read, notes = read_cases(found, slices, "slice")
    assert read.truth.tolist() == [1, 0, 0] and read.patients == ("1", "1", "2")
    assert notes[0] == "3 without a patient: each scan counts as another patient's"
    with pytest.raises(InputError, match="score them by level slice"):
        read_cases(found, scans)


def test_slices_of_scans_whose_names_hold_a_number_sign(write):
    found = write("p.csv", "scan,p_healthy,p_covid,truth", *(f"case#s{n},0.5,0.5,covid" for n in range(3)))
    assert read_cases(found)[0].patients == ("case#s0", "case#s1", "case#s2")
    slices = write("q.csv", "scan,slice,p_healthy,p_covid", *(f"case#s{n},0,0.5,0.5" for n in range(3)))
    truth = write("t.csv", "scan,label", *(f"case#s{n},covid" for n in range(3)))
    read, _ = read_cases(slices, truth, "slice")
    assert read.cases[0] == "case#s0#0" and read.patients == ("case#s0", "case#s1", "case#s2")


def test_cases_are_named_as_the_truth_names_them_however_many_end_alike(write):
    found = write("p.csv", "scan,p_healthy,p_covid,error", "x/1,0.5,0.5,", "2,0.2,0.8,", "/d/x/11,,,broken")
    truth = write("t.csv", "scan,label", "x/1,covid", "x/2,covid", "1,healthy", "x/11,covid")
    read, notes = read_cases(found, truth)
    assert read.cases == ("x/1", "x/2")  # one equal name does not keep the others from being matched
    assert "1 of 4 in t.csv without a prediction, e.g. 1" in notes  # what failed is x/11 alone
    with pytest.raises(InputError, match="one be the end of the other"):
        read_cases(
            write("a.csv", "scan,p_healthy,p_covid", "hospA/001,0.5,0.5"),
            write("b.csv", "scan,label", "hospB/001,covid"),
        )


def test_only_the_split_counts_where_the_truth_has_splits(write):
    found = write("p.csv", "scan,p_healthy,p_covid,error", "1,0.2,0.8,", "2,0.2,0.8,", "3,,,broken", "9,0.2,0.8,")
    truth = write("t.csv", "scan,label,split", "1,covid,test", "2,covid,val", "3,covid,", "4,covid,test", "5,flu,val")
    read, notes = read_cases(found, truth, split="test")
    assert read.cases == ("1",)
    assert notes[:3] == [
        "2 of 5 in t.csv are of split test; the others were left out",
        "1 predictions without truth were left out, for example 9",
        "1 of 2 in t.csv without a prediction, e.g. 4",
    ]
    assert read_cases(found, truth, labels=["healthy", "covid"], split="all")[0].cases == ("1", "2")
    # An empty cell is train.
    with pytest.raises(InputError, match=r"no case of split train .* 1 that could not, 2 of other splits, 1 without"):
        read_cases(found, truth, split="train")
    plain = write("u.csv", "scan,label", "1,covid", "2,covid")
    assert read_cases(found, plain, split="test")[0].cases == ("1", "2")


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        ("p_covid,p_healthy", ("healthy", "covid")),
        ("p_cap,p_Normal,p_covid", ("Normal", "cap", "covid")),
        ("p_covid-19,p_non-COVID", ("non-COVID", "covid-19")),
        ("p_1,p_0", ("0", "1")),
        ("p_covid,p_cap", None),
        ("p_healthy,p_control", None),
    ],
)
def test_the_negative_label_is_known_by_its_name_or_must_be_given(write, columns, labels):
    names = columns.replace("p_", "").split(",")
    found = write("p.csv", f"scan,truth,{columns}", f"1,{names[0]},1{',0' * (len(names) - 1)}")
    if labels:
        read, _ = read_cases(found)
        assert read.labels == labels and read.labels[int(read.called[0])] == names[0]
        return
    with pytest.raises(InputError, match=f"which label is the negative one.*--labels {','.join(names)}"):
        read_cases(found)
    assert read_cases(found, labels=names[::-1])[0].labels == tuple(names[::-1])


def test_a_single_column_may_be_that_of_the_negative_label(write):
    found = write("p.csv", "scan,truth,p_healthy", "1,healthy,0.75", "2,covid,0.25")
    for labels in (None, ("healthy", "covid")):
        read, _ = read_cases(found, labels=labels)
        assert read.labels == ("healthy", "covid") and read.probabilities.tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_rounded_probabilities_are_divided_by_their_sum(write):
    found = write("p.csv", "scan,truth,p_healthy,p_covid,p_cap", "1,covid,0.33,0.33,0.33", "2,covid,0.2,0.8,0")
    read, notes = read_cases(found)
    assert read.probabilities[0] == pytest.approx([1 / 3] * 3) and read.probabilities[1].tolist() == [0.2, 0.8, 0]
    assert notes[0] == "1 with probabilities that are rounded and were divided by their sum, for example 1: 0.99"


def test_what_patients_with_several_scans_lose_is_told(write):
    rows = (
        "1,a,covid,covid,0.6,0.4",
        "2,a,covid,covid,0.1,0.9",
        "3,b,covid,covid,0.6,0.4",
        "4,b,healthy,healthy,0.6,0.4",
    )
    found = write("p.csv", "scan,patient,truth,called,p_healthy,p_covid", *rows)
    read, notes = read_cases(found, level="patient")
    assert read.called.tolist() == [1, 1, 0]  # the mean of a's; what b's single scans were called
    assert notes[:2] == [
        "1 patients with scans of different truths, who count once for each at level patient, for example b: covid, "
        "healthy",
        "patients with several scans are called their likeliest label at level patient; the table calls 1 of these "
        "scans otherwise",
    ]


def test_one_column_of_probabilities(write):
    found = write("p.csv", "case,probability,label", "1,0.75,sick", "2,0.5,well")
    read, _ = read_cases(found, labels=["well", "sick"])
    assert read.probabilities.tolist() == [[0.25, 0.75], [0.5, 0.5]] and read.called.tolist() == [1, 0]
    with pytest.raises(InputError, match="name the two labels, the negative one first"):
        read_cases(found)
    one = write("q.csv", "case,p_sick,label", "1,0.75,sick", "2,0.5,sick")
    with pytest.raises(InputError, match="name the two labels"):  # nothing says what the other is called
        read_cases(one)
    assert read_cases(one, labels=["well", "sick"])[1][2:] == [
        "labels: well (negative), sick",
        "all are of sick: what needs another label is not defined",
    ]


_GOOD = "1,a,covid,0.2,0.8"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2,a,flu,0.2,0.8", r"line 3: truth is one of healthy, covid\. Received: flu"),
        ("1,a,covid,0.2,0.8", "line 3: 1 stands on line 2 already"),
        (",a,covid,0.2,0.8", "line 3: a case without a name"),
        ("2,a,,0.2,0.8", "line 3: truth is empty"),
        ("2,a,covid,,0.8", r"line 3: probabilities of 2 are numbers from 0 to 1\. Received: , 0\.8"),
        ("2,a,covid,nan,0.8", "line 3: probabilities of 2 are numbers"),
        ("2,a,covid,20,80", r"line 3: probabilities of 2 are numbers from 0 to 1\. Received: 20, 80"),
        ("2,a,covid,0.3,0.8", r"line 3: probabilities of 2 add up to 1\. Received: 1\.1000"),
    ],
)
def test_an_unusable_row_is_named(write, line, message):
    found = write("p.csv", "scan,patient,truth,p_healthy,p_covid", _GOOD, line)
    with pytest.raises(InputError, match=message):
        read_cases(found)


def test_unusable_tables_are_refused(write):
    good = write("p.csv", "scan,patient,truth,p_healthy,p_covid", _GOOD)
    assert read_cases(good)[1][-1] == "all are of one patient: intervals say little"
    with pytest.raises(InputError, match=r"no case of .*p\.csv stands in .*t\.csv, for example 1 and 7"):
        read_cases(good, write("t.csv", "scan,label", "7,covid"))
    read, notes = read_cases(good, write("t.csv", "scan,label", "1,healthy"))
    assert read.truth.tolist() == [0] and notes[0] == "1 of another truth in p.csv, which was not used: 1"
    with pytest.raises(InputError, match=r"line 2: 1 is of patient b in .*Received: a"):
        read_cases(good, write("t.csv", "scan,patient,label", "1,b,covid"))
    with pytest.raises(InputError, match="no column truth or label"):
        read_cases(write("q.csv", "scan,p_healthy,p_covid", "1,0.5,0.5"))
    with pytest.raises(InputError, match="no column scan, id"):
        read_cases(write("q.csv", "who,p_healthy,p_covid", "1,0.5,0.5"))
    with pytest.raises(InputError, match="a column p_LABEL for each of healthy, flu"):
        read_cases(good, labels=["healthy", "flu"])
    with pytest.raises(InputError, match=r"line 2: called is one of healthy, covid\. Received: flu"):
        read_cases(write("q.csv", "scan,truth,called,p_healthy,p_covid", "1,covid,flu,0.5,0.5"))
    with pytest.raises(InputError, match="no case that could be read"):
        read_cases(write("q.csv", "scan,truth,p_healthy,p_covid,error", "1,covid,,,no slices"))
