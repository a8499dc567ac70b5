import pytest

from tfcovid.errors import InputError
from tfcovid.export.edge_process import EdgeProcess


@pytest.mark.parametrize("name", ["broken.tflite", "broken.onnx"])
def test_a_file_that_does_not_run_is_told_in_words(name, tmp_path):
    (tmp_path / name).write_bytes(b"no network")
    with (
        pytest.raises(InputError, match=f"{name}: its runtime does not run it.*Received: "),
        EdgeProcess(tmp_path / name, 1) as run,
    ):
        run({})
