import json

import pytest

from tests.data_folder import DATA, needs_data


@needs_data
def test_a_scan_of_ones_own_is_diagnosed_by_the_shipped_bundle(run, tmp_path):
    result = run("demo", "-o", tmp_path / "demo", "--scan", DATA / "volumes/cip_ct64/ct-64.nii.gz")
    assert result.exit_code == 0 and "synthetic scans only" in result.stdout
    found = json.loads((tmp_path / "demo/your_scan/report.json").read_text())
    assert found["bundle"]["name"] == "demo" and found["scan"]["shape"] == [79, 64, 64]


@pytest.mark.slow
def test_the_whole_road_with_few_patients(run, tmp_path):
    result = run("demo", "-o", tmp_path / "demo", "--patients", "6")
    assert result.exit_code == 0, result.output
    assert "patients\n  accuracy " in result.stdout
    assert (tmp_path / "demo/diagnosis/figure.png").is_file()
    again = run("demo", "-o", tmp_path / "demo")
    assert again.exit_code == 0 and "Phantoms" not in again.stdout
