import json


def test_an_export_is_written_and_its_table_printed(run, lungs_bundle, held_out, tmp_path):
    words = "--to", "savedmodel", "-o", tmp_path / "out", "--scan", held_out
    dry = run("export", lungs_bundle, *words, "--dry-run")
    assert dry.exit_code == 0 and f"verified on {held_out}" in dry.output and not (tmp_path / "out").exists()
    done = run("export", lungs_bundle, *words)
    assert done.exit_code == 0, done.output
    assert (
        "serving_default  differs by" in done.output and "equal to the bundle on a scan of 8 x 64 x 64" in done.output
    )
    assert "Research use only" in done.output
    assert json.loads((tmp_path / "out" / "export.json").read_text())["model"] == "tiny_lungs"


def test_bad_input_is_told_in_words(run, lungs_bundle, cohort, tmp_path):
    for words, reason in (
        (("nowhere", "--to", "onnx"), "not a bundle"),
        ((lungs_bundle, "--to", "coreml"), "'coreml' is not one of"),
        ((lungs_bundle, "--to", "onnx", "--scan", tmp_path / "none"), "--scan: no such scan"),
        ((lungs_bundle, "--to", "onnx", "--split", "val"), "--split: it is of the scans of --manifest"),
        ((lungs_bundle, "--to", "onnx", "--precision", "int8"), "onnx comes in float32"),
        ((lungs_bundle, "--to", "onnx", "--tolerance", "-1"), "-1"),
        ((lungs_bundle, "--to", "tflite", "--manifest", tmp_path / "no.csv"), "no.csv"),
    ):
        done = run("export", *words, "-o", tmp_path / "out")
        assert done.exit_code == 2 and reason in done.stderr, (words, done.stderr)
        assert not (tmp_path / "out").exists()
