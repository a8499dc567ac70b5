import pytest


def test_a_cohort_is_written_and_kept(run, tmp_path):
    words = ("phantom", tmp_path / "scans", "--patients", "1", "--shape", "2", "32", "32", "--format", "nifti")
    result = run(*words)
    assert result.exit_code == 0 and f"{tmp_path / 'scans'}: 4 scans" in result.output
    scans = {path: path.stat().st_mtime_ns for path in (tmp_path / "scans").rglob("*.nii.gz")}
    assert len(scans) == 4
    assert run(*words).exit_code == 0
    assert all(path.stat().st_mtime_ns == written for path, written in scans.items())


@pytest.mark.parametrize("shape", [("0", "32", "32"), ("2", "8", "8"), ("-1", "32", "32")])
def test_a_shape_that_holds_no_chest_is_refused(run, tmp_path, shape):
    result = run("phantom", tmp_path / "scans", "--patients", "1", "--shape", *shape)
    assert result.exit_code == 2 and "shape" in result.stderr
    assert not (tmp_path / "scans").exists()


def test_a_folder_in_use_is_refused(run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    result = run("phantom", tmp_path)
    assert result.exit_code == 2 and "new or empty" in result.stderr
