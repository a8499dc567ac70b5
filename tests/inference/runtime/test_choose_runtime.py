import pytest

from tfcovid.errors import InputError
from tfcovid.inference.runtime import choose_runtime as module
from tfcovid.inference.runtime.choose_runtime import choose_runtime


@pytest.fixture
def machine(monkeypatch):
    """A machine with or without OpenVINO and a GPU."""

    def make(openvino, gpu):
        monkeypatch.setattr(module, "find_spec", lambda name: openvino or None)
        monkeypatch.setattr(module, "_gpu", lambda: gpu)
        monkeypatch.delenv("KERAS_BACKEND", raising=False)

    return make


@pytest.mark.parametrize(
    "openvino, gpu, chosen",
    [(True, False, "openvino"), (True, True, "keras"), (False, False, "keras")],
)
def test_auto_is_openvino_where_it_is_installed_and_there_is_no_gpu(machine, openvino, gpu, chosen):
    machine(openvino, gpu)
    assert choose_runtime("auto") == chosen


def test_auto_is_keras_on_another_backend_than_tensorflow(machine, monkeypatch):
    machine(True, False)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_runtime("auto") == "keras"


@pytest.mark.parametrize("name", ["openvino", "litert"])
def test_what_is_missing_is_told_with_how_to_get_it(machine, name):
    machine(False, False)
    with pytest.raises(InputError, match=rf"pip install 'tfcovid\[{name}\]'"):
        choose_runtime(name)


def test_an_unknown_runtime_is_told():
    with pytest.raises(InputError, match=r"runtime: one of auto, keras, openvino, litert. Received: torch"):
        choose_runtime("torch")
