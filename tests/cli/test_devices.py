import json
import subprocess
import sys

_TWO = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfcovid.training import check_devices
check_devices._speed = lambda precision: 1.0
check_devices._gpu_files = list
from tfcovid.cli import main
main(["devices", "--json"])
"""


def test_two_devices_are_checked_alone_and_together():
    done = subprocess.run([sys.executable, "-c", _TWO], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert [device["name"] for device in found["devices"]] == ["CPU:0", "CPU:1"]
    assert all(device["difference"] < 1e-5 for device in found["devices"])
    assert found["mirrored_difference"] < 1e-5
    assert found["faults"] == []


def test_what_is_wrong_is_exit_code_1(run, monkeypatch):
    from tfcovid.training import check_devices as module

    device = module.DeviceCheck("GPU:0", "a GPU", 2**30, 1e-6, {"float32": 1234.5})
    found = module.Devices("2.21.0", "12.5", "one", [device], faults=["the driver is asleep"])
    monkeypatch.setattr(module, "check_devices", lambda say: say("GPU:0") or found)
    result = run("devices")
    assert result.exit_code == 1 and "Wrong: the driver is asleep" in result.stderr
    assert "GPU:0: a GPU, 1.0 GiB\n" in result.stdout and "1,234 slices/s" in result.stdout
    found.faults.clear()
    assert run("devices").exit_code == 0
