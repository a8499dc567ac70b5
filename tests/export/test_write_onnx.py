import pytest

from tfcovid.export.evidence import Evidence
from tfcovid.export.write_onnx import write_onnx
from tfcovid.inference import load_segmenter
from tfcovid.scans import read_scan


@pytest.fixture(scope="module")
def evidence(held_out):
    return Evidence(read_scan(held_out))


def test_a_system_of_any_batch_equals_its_bundle(system, evidence, tmp_path):
    facts = write_onnx(system, tmp_path, evidence)
    assert max(facts["differences"]["float32"].values()) < 1e-5
    assert {path.name for path in tmp_path.iterdir()} == {"slice.onnx", "patient.onnx"}
    assert facts["networks"]["slice"]["inputs"]["hu"]["shape"] == [None, 32, 32, 1]


@pytest.mark.slow
@pytest.mark.parametrize("bundle", ["lungs_bundle", "infection_bundle"])
def test_segmenters_equal_theirs(bundle, evidence, tmp_path, request):
    facts = write_onnx(load_segmenter(request.getfixturevalue(bundle)), tmp_path, evidence)
    assert facts["differences"]["float32"]["pixels"] < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["segment.onnx"]
