import numpy as np
import pytest
import tensorflow as tf

from tfcovid.training import check_devices as module
from tfcovid.training.check_devices import check_devices


@pytest.fixture
def quick(monkeypatch):
    """No timing, and what three training steps give is what the test says, by precision."""
    results = {
        "float64": np.array([2.0, -1, 0]),
        "float32": np.array([2.0, -1, 2**-9]),
        "mixed_bfloat16": np.array([2.1, -1, 0]),
    }
    monkeypatch.setattr(module, "_speed", lambda precision: 7.0)
    monkeypatch.setattr(module, "_trained", lambda precision: results[precision])
    monkeypatch.setattr(module, "_gpu_files", list)
    return results


def test_a_cpu_that_counts_right_has_no_fault(quick):
    found = check_devices()
    assert found.strategy == "one" and found.faults == []
    (device,) = found.devices
    assert (device.name, device.difference) == ("CPU:0", 2**-10)  # of the largest change
    assert device.slices_per_s == {"float32": 7.0, "mixed_bfloat16": 7.0}
    assert device.memory > 2**28


@pytest.mark.parametrize("wrong", [np.array([2, -1.01, 0]), np.zeros(3), np.full(3, np.nan)])
def test_a_device_that_counts_wrong_is_told(quick, wrong):
    quick["float32"] = wrong
    (fault,) = check_devices().faults
    assert fault.startswith("CPU:0: three training steps in float32 ") and "do not train on it" in fault


def test_memory_that_runs_out_is_told_with_who_holds_it(quick, monkeypatch):
    def full(device, kind):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(module, "_fill", full)
    (fault,) = check_devices().faults
    assert fault.startswith("CPU:0: its memory ran out") and fault.endswith("Received: OOM when allocating")


@pytest.mark.parametrize(
    "files, cuda, driver, hidden, told",
    [
        ([], "12.5", False, None, "no GPU of NVIDIA is to be seen"),
        (["/dev/nvidia0"], None, True, None, "pip install 'tfcovid[cuda]'"),
        (["/dev/nvidia0"], "12.5", False, None, "install or repair the NVIDIA driver"),
        (["/dev/nvidia0"], "12.5", True, "", "GPUs are hidden by CUDA_VISIBLE_DEVICES=''"),
    ],
)
def test_a_gpu_that_tensorflow_does_not_take_is_a_fault_unless_it_is_meant(
    quick, monkeypatch, files, cuda, driver, hidden, told
):
    monkeypatch.setattr(module, "_gpu_files", lambda: files)
    monkeypatch.setattr(module, "_loads", lambda library: driver)
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {"is_cuda_build": bool(cuda), "cuda_version": cuda})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    found = check_devices()
    assert told in "".join(found.faults if files and hidden is None else found.notes)
    assert len(found.faults) + len(found.notes) == 1
