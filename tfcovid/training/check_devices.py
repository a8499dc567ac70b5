"""What training will run on, and whether it counts right there."""

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.client import device_lib

from tfcovid.training.strategy import make_strategy

# Share of what training changes, by which a device may differ from the CPU in float64; one that does nothing is at 1.
_TOLERANCE = {"float32": 1e-3, "mixed_bfloat16": 0.25, "mixed_float16": 0.1}
_STEPS = 3
_SIDE, _BATCH, _SECONDS = 256, 16, 1.0  # of timing, for each precision
_GIB = 2**30


@dataclass
class DeviceCheck:
    """One device.

    Attributes:
        memory: bytes that TensorFlow may have there.
        difference: in the change of the weights by three training steps in float32, from that of the CPU in float64;
            the largest of all weights, as a share of the largest change.
        slices_per_s: training speed of a small network at 256 x 256, by precision.
    """

    name: str
    model: str
    memory: int | None = None
    difference: float | None = None
    slices_per_s: dict[str, float] = field(default_factory=dict)


@dataclass
class Devices:
    """All devices, what `--strategy auto` makes of them, and what is wrong, in words with the fix."""

    tensorflow: str
    cuda: str | None
    strategy: str
    devices: list[DeviceCheck] = field(default_factory=list)
    mirrored_difference: float | None = None
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def check_devices(say: Callable[[str], object] = lambda words: None) -> Devices:
    """Trains a small network on each device of the kind that training would use, about ten seconds each.

    Weights after three steps are compared with those of the CPU in float64; then speeds are measured in each precision
    and a large piece of memory is filled and read. Several devices also take the three steps together.

    Args:
        say: told what is about to be done.
    """
    build = tf.sysconfig.get_build_info()
    cuda = build.get("cuda_version") if build.get("is_cuda_build") else None
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    names = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices(kind)]
    found = Devices(tf.__version__, cuda, "mirrored" if make_strategy("auto") else "one")
    if kind == "CPU":
        meant = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
        (found.faults if _gpu_files() and not meant else found.notes).append(_why_no_gpu(cuda))
    before = keras.config.dtype_policy()
    try:
        say("reference on the CPU")
        with tf.device("CPU:0"):
            reference = _trained("float64")
        for name in names:
            _check(name, kind, reference, found, say)
        if len(names) > 1:
            say(f"one step on all {len(names)} together")
            _check_together(names, reference, found)
    finally:
        keras.config.set_dtype_policy(before)
    return found


def _check(name: str, kind: str, reference: np.ndarray, found: Devices, say: Callable[[str], object]) -> None:
    device = DeviceCheck(name, _model(name, kind), _memory(name, kind))
    found.devices.append(device)
    fast = tf.config.experimental.tensor_float_32_execution_enabled()
    try:
        with tf.device(name):
            for precision in _TOLERANCE:
                if precision == "mixed_float16" and kind == "CPU":
                    continue  # CPUs have no arithmetic for it
                say(f"{name}: {precision}")
                tf.config.experimental.enable_tensor_float_32_execution(False)
                difference = _difference(_trained(precision), reference)
                tf.config.experimental.enable_tensor_float_32_execution(fast)
                if precision == "float32":
                    device.difference = difference
                if not difference < _TOLERANCE[precision]:
                    found.faults.append(
                        f"{name}: three training steps in {precision} change the weights otherwise than on the CPU, "
                        f"by {difference:.2g} of the change; up to {_TOLERANCE[precision]:g} would be rounding. It "
                        "counts wrong: update the driver, and if that does not help, test the device's memory; do "
                        "not train on it."
                    )
                device.slices_per_s[precision] = _speed(precision)
            say(f"{name}: memory")
            _fill(device, kind)
    except (tf.errors.OpError, MemoryError) as error:
        found.faults.append(f"{name}: {_in_words(error, kind)}")
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(fast)


def _check_together(names: list[str], reference: np.ndarray, found: Devices) -> None:
    try:
        strategy = tf.distribute.MirroredStrategy(names)
        with strategy.scope():
            found.mirrored_difference = _difference(_trained("float32"), reference)
    except tf.errors.OpError as error:
        found.faults.append(
            f"training on {len(names)} devices together: {_in_words(error, 'GPU')} --strategy one trains on the first."
        )
        return
    if not found.mirrored_difference < _TOLERANCE["float32"]:
        found.faults.append(
            f"{len(names)} devices together change the weights otherwise than one, by "
            f"{found.mirrored_difference:.2g} of the change: they do not exchange their gradients rightly. Try "
            "NCCL_P2P_DISABLE=1; --strategy one trains on the first."
        )


def _network(precision: str, side: int, width: int) -> keras.Model:
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    x = image = keras.Input((side, side, 1))
    for n in range(3):
        x = keras.layers.Conv2D(width * 2**n, 3, 2, "same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(synchronized=True)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(2, dtype="float64" if precision == "float64" else "float32")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    return network


def _data(batch: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).random((batch, side, side, 1), np.float32)
    labels = np.arange(batch) % 2
    images[labels == 1] *= 0.5
    return images, labels


def _trained(precision: str) -> np.ndarray:
    """How some training steps change all weights, from the same start everywhere."""
    network = _network(precision, side=32, width=8)
    start = np.random.default_rng(1)
    for weight in network.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(start.normal(size=weight.shape, scale=0.2))
    before = _flat(network)
    batches = tf.data.Dataset.from_tensors(_data(8, 32)).repeat(_STEPS)
    network.fit(batches, epochs=1, steps_per_epoch=_STEPS, shuffle=False, verbose=0)
    return _flat(network) - before


def _flat(network: keras.Model) -> np.ndarray:
    return np.concatenate([weight.astype("float64").ravel() for weight in network.get_weights()])


def _difference(change: np.ndarray, reference: np.ndarray) -> float:
    return float(np.abs(change - reference).max() / np.abs(reference).max())


def _speed(precision: str) -> float:
    """Slices trained on in a second."""
    network = _network(precision, _SIDE, width=32)
    images, labels = map(tf.constant, _data(_BATCH, _SIDE))
    for _ in range(2):
        network.train_on_batch(images, labels)
    steps, began = 0, perf_counter()
    while (seconds := perf_counter() - began) < _SECONDS or not steps:
        network.train_on_batch(images, labels)
        steps += 1
    return round(steps * _BATCH / seconds, 1)


def _fill(device: DeviceCheck, kind: str) -> None:
    """Fills half of a GPU's memory, or a quarter of what is free to a CPU, up to a gibibyte, and reads it back."""
    if device.memory is None:
        return
    size = device.memory // 2 if kind == "GPU" else min(device.memory // 4, _GIB)
    # In blocks: some kernels count elements in 32 bits.
    filled = [tf.fill((256, 2**20), tf.constant(n % 251, tf.uint8)) for n in range(size // 2**28)]
    for n, block in enumerate(filled):
        part = block[:, ::4096]
        if not bool(tf.reduce_all(part == n % 251)):
            raise tf.errors.InternalError(None, None, "memory that was filled reads back as something else")


def _model(name: str, kind: str) -> str:
    if kind == "GPU":
        physical = tf.config.list_physical_devices("GPU")
        number = int(name.rsplit(":", 1)[1])
        details = tf.config.experimental.get_device_details(physical[min(number, len(physical) - 1)])
        capability = ".".join(map(str, details.get("compute_capability", ())))
        return f"{details.get('device_name', 'GPU')}, compute capability {capability or 'unknown'}"
    return f"{os.cpu_count()} logical cores"


def _memory(name: str, kind: str) -> int | None:
    if kind == "GPU":
        return next((one.memory_limit for one in device_lib.list_local_devices() if one.name.endswith(name)), None)
    info = Path("/proc/meminfo")
    if not info.is_file():
        return None
    free = next(line for line in info.read_text(encoding="ascii").splitlines() if line.startswith("MemAvailable"))
    return int(free.split()[1]) * 1024


def _gpu_files() -> list[Path]:
    """What the kernel has of NVIDIA's GPUs, on Linux and in WSL2."""
    return [*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("dxg")]


def _why_no_gpu(cuda: str | None) -> str:
    """Why TensorFlow has no GPU, with the fix where there is one."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden in ("", "-1"):
        return f"GPUs are hidden by CUDA_VISIBLE_DEVICES={hidden!r}: unset it to train on them."
    if not sys.platform.startswith("linux"):
        return "TensorFlow has GPUs of NVIDIA on Linux only; on Windows, in WSL2. Training runs on the CPU."
    if not _gpu_files():
        return "no GPU of NVIDIA is to be seen (/dev/nvidia0). Training runs on the CPU."
    if cuda is None:
        return (
            "there is a GPU, but this TensorFlow is built without CUDA: pip uninstall tensorflow-cpu, then "
            "pip install 'tfcovid[cuda]'."
        )
    if not _loads("libcuda.so.1"):
        return (
            "there is a GPU, but its driver does not load (libcuda.so.1): install or repair the NVIDIA driver, in a "
            "container with --gpus all; nvidia-smi must list the GPU."
        )
    try:
        version("nvidia-cudnn-cu12")
    except PackageNotFoundError:
        if not _loads("libcudnn.so.9"):
            return "there is a GPU with its driver, but no CUDA libraries: pip install 'tfcovid[cuda]'."
    return (
        f"there is a GPU with its driver, but TensorFlow {tf.__version__}, built for CUDA {cuda}, does not take it: is "
        "the driver new enough (nvidia-smi shows the CUDA version that it knows)? TF_CPP_MIN_LOG_LEVEL=0 shows more."
    )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _in_words(error: Exception, kind: str) -> str:
    first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    if isinstance(error, tf.errors.ResourceExhaustedError | MemoryError):
        who = "nvidia-smi shows which program" if kind == "GPU" else "another program, or the limit of a container"
        return f"its memory ran out: {who} holds it. Received: {first}"
    return f"the check failed; the driver and the CUDA libraries may not fit together. Received: {first}"
