import os
from importlib.util import find_spec
from pathlib import Path

from tfcovid.errors import InputError

RUNTIMES = ("auto", "keras", "openvino", "litert")
_MODULES = {"openvino": "openvino", "litert": "ai_edge_litert"}


def choose_runtime(wanted: str) -> str:
    """What runs the networks of a bundle: "keras", "openvino" or "litert".

    "auto" is OpenVINO where it is installed and TensorFlow finds no GPU, and otherwise Keras.

    Raises:
        InputError: no such runtime, or one that is not installed.
    """
    if wanted not in RUNTIMES:
        raise InputError(f"runtime: one of {', '.join(RUNTIMES)}. Received: {wanted}")
    if wanted == "auto":
        return "openvino" if find_spec("openvino") and _on_tensorflow() and not _gpu() else "keras"
    if wanted != "keras" and not find_spec(_MODULES[wanted]):
        raise InputError(f"the runtime {wanted} is not installed: pip install 'tfcovid[{wanted}]'. Received: {wanted}")
    return wanted


def _on_tensorflow() -> bool:
    """Networks are compiled from TensorFlow's graphs."""
    return os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"


def _gpu() -> bool:
    # Where there is no such file there is no GPU, and TensorFlow, seconds to import, need not be asked.
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists():
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
