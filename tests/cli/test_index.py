import shutil

import pytest

from tfcovid.data import read_manifest


def test_a_cohort_is_listed_and_split(run, cohort, tmp_path):
    words = ("index", cohort.folder, "-o", tmp_path / "m.csv", "--slice-labels", cohort.slice_labels)
    result = run(*words, "--split", "0.34,0.33,0.33")
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == f"{tmp_path / 'm.csv'}: 12 scans of 12 patients"
    entries = read_manifest(tmp_path / "m.csv")
    assert sorted(e.split for e in entries) == sorted(["train", "val", "test"] * 4)
    assert all(e.slice_labels.resolve() == cohort.slice_labels.resolve() for e in entries)
    before = (tmp_path / "m.csv").read_bytes()
    run(*words, "--split", "0.34,0.33,0.33")
    assert (tmp_path / "m.csv").read_bytes() == before
    run(*words, "--split", "0.34,0.33,0.33", "--seed", "1")
    assert (tmp_path / "m.csv").read_bytes() != before


def test_a_table_keeps_its_splits_and_gets_the_slice_labels(run, cohort, tmp_path):
    scan = cohort.entries[0].scan
    (tmp_path / "t.csv").write_text(f"file,who,dx,split\n{scan},Ann,cap,val\n")
    columns = ("--scan-column", "file", "--patient-column", "who", "--label-column", "dx")
    columns += ("--mask-values", "infection=127,255", "--mask-values", "unlabelled=9")
    result = run("index", tmp_path / "t.csv", "-o", tmp_path / "m.csv", *columns, "--slice-labels", cohort.slice_labels)
    assert result.exit_code == 0
    [entry] = read_manifest(tmp_path / "m.csv")
    assert (entry.patient, entry.label, entry.split) == ("Ann", "cap", "val")
    assert entry.mask_values == "infection=127,255; unlabelled=9"
    assert entry.slice_labels is not None and entry.slice_labels.resolve() == cohort.slice_labels.resolve()


def test_a_leak_in_a_table_is_told_and_nothing_written(run, cohort, tmp_path):
    a, b = (entry.scan for entry in cohort.entries[:2])
    (tmp_path / "t.csv").write_text(f"scan,patient,label,split\n{a},Ann,cap,train\n{b},Ann,cap,test\n")
    result = run("index", tmp_path / "t.csv", "-o", tmp_path / "m.csv")
    assert result.exit_code == 2 and "Ann in test and train" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--split", "0.5,0.6"], "add up to 1"),
        (["--split", "nan,0.5"], "add up to 1"),
        (["--split", "0.5"], "--split takes two or three numbers"),
        (["--split", "half,half"], "--split takes two or three numbers"),
        (["--split", "0.5,0.5", "--seed", "-1"], "-1"),
        (["--slice-labels", "gone.csv"], "gone.csv"),
        (["--mask-values", "ill=255"], "infection=127,255"),
    ],
)
def test_wrong_options_are_told_and_nothing_is_written(run, cohort, tmp_path, options, words):
    result = run("index", cohort.folder, "-o", tmp_path / "m.csv", *options)
    assert result.exit_code == 2 and words in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_manifest_that_cannot_be_written_is_told(run, cohort, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for place in ("folder", "file/m.csv"):
        result = run("index", cohort.folder, "-o", tmp_path / place)
        assert result.exit_code == 2 and str(tmp_path / place.split("/")[0]) in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_splits_of_a_table_are_not_drawn_over(run, cohort, tmp_path):
    rows = "".join(f"{e.scan},{e.patient},{e.label},test,lungs.nii,les.nii\n" for e in cohort.entries)
    (tmp_path / "t.csv").write_text("scan,patient,label,split,lungs,lesions\n" + rows)
    result = run("index", tmp_path / "t.csv", "-o", tmp_path / "m.csv", "--split", "0.4,0.3,0.3")
    assert result.exit_code == 2 and "has splits of its own" in result.stderr
    assert run("index", tmp_path / "t.csv", "-o", tmp_path / "m.csv").exit_code == 0
    entries = read_manifest(tmp_path / "m.csv")
    assert {e.split for e in entries} == {"test"} and entries[0].lungs.name == "lungs.nii"
    (tmp_path / "t.csv").write_text("scan,patient,label,split\n" + f"{cohort.entries[0].scan},p,cap,training\n")
    result = run("index", tmp_path / "t.csv", "-o", tmp_path / "m.csv")
    assert result.exit_code == 2 and "Received: training" in result.stderr


@pytest.fixture
def covid_ct(tmp_path):
    for name in ("CT_COVID/a.png", "CT_COVID/b.png", "CT_NonCOVID/c.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "set/COVID-CT-MetaInfo.csv").write_text("image name,patient id\na.png,1\nb.png,2\ngone.png,3\n")
    (tmp_path / "set/NonCOVID-CT-MetaInfo.csv").write_text("image name,patient id\nc.png,1\n")
    (tmp_path / "set/trainCT_COVID.txt").write_text("a.png\nb.png\n")
    (tmp_path / "set/valCT_NonCOVID.txt").write_text("c.png\n")
    return tmp_path / "set"


def test_a_layout_lists_a_public_set_with_its_splits(run, covid_ct, tmp_path):
    result = run("index", covid_ct, "--layout", "covid-ct", "-o", tmp_path / "m.csv", "--relabel", "covid=covid-19")
    assert result.exit_code == 0
    assert [(e.patient, e.label, e.split) for e in read_manifest(tmp_path / "m.csv")] == [
        ("COVID 1", "covid-19", "train"),
        ("COVID 2", "covid-19", "train"),
        ("NonCOVID 1", "non-covid", "val"),
    ]
    result = run("index", covid_ct, "--layout", "covid-ct", "-o", tmp_path / "n.csv", "--split", "0.5,0.5")
    assert result.exit_code == 2 and "has splits of its own" in result.stderr and not (tmp_path / "n.csv").exists()


def test_files_that_a_list_names_and_the_folder_lacks_are_reported(run, covid_ct, tmp_path):
    (covid_ct / "trainCT_COVID.txt").write_text("a.png\nb.png\ngone.png\n")
    result = run("index", covid_ct, "--layout", "covid-ct", "-o", tmp_path / "m.csv")
    assert result.exit_code == 1 and "1 scan(s) on the lists" in result.stderr and "gone.png" in result.stderr
    assert len(read_manifest(tmp_path / "m.csv")) == 3
    shutil.rmtree(covid_ct / "CT_COVID")
    shutil.rmtree(covid_ct / "CT_NonCOVID")
    (covid_ct / "CT_COVID").mkdir()
    (covid_ct / "CT_NonCOVID").mkdir()
    result = run("index", covid_ct, "--layout", "covid-ct", "-o", tmp_path / "n.csv")
    assert result.exit_code == 2 and "none of the 4 scans" in result.stderr


def test_layouts_are_listed_without_any_other_argument(run):
    from tfcovid.data.layouts import LAYOUTS

    for word in ("list", "?"):
        result = run("index", "--layout", word)
        assert result.exit_code == 0
        assert [line.split()[0] for line in result.output.splitlines()] == list(LAYOUTS)


@pytest.mark.parametrize(
    "options, words",
    [
        (["--layout", "covidct"], "Received: covidct"),
        (["--layout", "mosmed"], "no folder studies"),
        (["--relabel", "cap"], "--relabel takes OLD=NEW"),
    ],
)
def test_a_wrong_layout_or_label_is_told(run, cohort, tmp_path, options, words):
    result = run("index", cohort.folder, "-o", tmp_path / "m.csv", *options)
    assert result.exit_code == 2 and words in result.stderr and not (tmp_path / "m.csv").exists()
