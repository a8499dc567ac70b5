import csv
import json

import numpy as np


def test_the_figures_of_a_card_are_printed_again(run, bundle, cohort, tmp_path):
    result = run("evaluate", bundle, cohort.manifest, "--split", "val", "-o", tmp_path / "found.csv")
    assert result.exit_code == 0
    with (tmp_path / "found.csv").open() as file:
        found = list(csv.DictReader(file))
    with (bundle / "validation.csv").open() as file:
        kept = list(csv.DictReader(file))
    columns = [name for name in kept[0] if name.startswith("p_")]
    for one, two in zip(found, kept, strict=True):
        assert one["truth"] == two["truth"]
        # Read and cropped anew, not from the store.
        np.testing.assert_allclose([float(one[c]) for c in columns], [float(two[c]) for c in columns], atol=1e-5)
    value, low, high = json.loads((bundle / "bundle.json").read_text())["validation_scans"]["accuracy"]
    assert f"4 scans of 4 patients, accuracy {value:.3f} [{low:.3f}, {high:.3f}]" in result.output


def test_a_bad_scan_is_reported_and_left_out(run, bundle, cohort, tmp_path):
    good = next(entry.scan for entry in cohort.entries if entry.split == "test")
    (tmp_path / "bad.nii.gz").write_bytes(b"nothing")
    (tmp_path / "m.csv").write_text(
        f"scan,patient,label,split\n{good},a,cap,test\n{tmp_path / 'bad.nii.gz'},b,cap,test\n"
    )
    result = run("evaluate", bundle, tmp_path / "m.csv")
    assert result.exit_code == 1 and "1 scans of 1 patients" in result.output and "bad.nii.gz" in result.stderr


def test_an_empty_split_is_told(run, bundle, cohort, tmp_path):
    (tmp_path / "m.csv").write_text(f"scan,patient,label\n{cohort.entries[0].scan},a,cap\n")
    result = run("evaluate", bundle, tmp_path / "m.csv")
    assert result.exit_code == 2 and "no scan in split test" in result.stderr


def test_labels_that_the_bundle_lacks_are_told_before_a_scan_is_read(run, bundle, tmp_path):
    (tmp_path / "m.csv").write_text("scan,patient,label,split\ngone,a,flu,test\n")
    result = run("evaluate", bundle, tmp_path / "m.csv")
    assert result.exit_code == 2 and "cannot give: flu. Its labels: healthy" in result.stderr
