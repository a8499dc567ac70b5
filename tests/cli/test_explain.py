import json


def test_a_scan_is_explained_into_the_folder(run, bundle, held_out, tmp_path):
    result = run("explain", bundle, held_out, "-o", tmp_path / "out", "--slice", 3, "--layer", "conv1_conv")
    assert result.exit_code == 0
    facts = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert result.stdout.startswith(f"{facts['diagnosis']}; map of any label but healthy, lesion prototypes")
    assert "both lungs" in result.stdout and "Research use only" in result.stdout
    assert (tmp_path / "out" / "features" / "conv1_conv_slice3.png").is_file()
    again = run("explain", bundle, held_out, "-o", tmp_path / "out")
    assert again.exit_code == 2 and "pass --overwrite" in again.stderr


def test_layers_are_listed_without_a_scan(run, bundle):
    result = run("explain", bundle, "--layers")
    assert result.exit_code == 0
    assert f"{'conv1_conv':40} 16 x 16 x 16" in result.stdout.splitlines()


def test_without_a_scan_it_says_what_to_give(run, bundle, tmp_path):
    assert "give SCAN and -o OUT" in run("explain", bundle).stderr
    result = run("explain", bundle, tmp_path / "none", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "no such scan" in result.stderr
