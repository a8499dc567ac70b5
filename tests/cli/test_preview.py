import cv2
import pytest


def test_writes_a_figure_and_says_of_what(run, cohort, tiny_settings, tmp_path):
    changes = [part for setting in tiny_settings for part in ("--set", setting)]
    scan, output = cohort.entries[0].scan, tmp_path / "new" / "look.png"
    result = run("preview", "demo", scan, "-o", output, "--rows", 2, "--draws", 1, *changes)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{output}: Scan(")
    assert "too-few-slices" in result.stderr
    assert cv2.imread(str(output)).shape[1] > 800
    assert [path.name for path in output.parent.iterdir()] == ["look.png"]


@pytest.mark.parametrize(
    "config, scan, output, words",
    [
        ("demoo", ".", "a.png", "Did you mean demo?"),
        ("demo", "gone", "a.png", "gone"),
        ("demo", ".", "a.jpg", "a name that ends in .png"),
    ],
)
def test_wrong_input_is_told_with_exit_code_2(run, tmp_path, monkeypatch, config, scan, output, words):
    monkeypatch.chdir(tmp_path)
    result = run("preview", config, scan, "-o", output)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_crop_by_a_segmenter_is_shown(run, lungs_bundle, cohort, tmp_path):
    words = ["--set", "lungs=null", "--set", f"crop.segmenter={lungs_bundle}", "--set", "crop.size=[32,32]"]
    output = tmp_path / "look.png"
    result = run("preview", "attn_crop", cohort.entries[0].scan, "-o", output, "--rows", 1, "--draws", 1, *words)
    assert result.exit_code == 0 and output.is_file(), result.stderr
