from collections.abc import Sequence
from functools import cache
from typing import Any

import tensorflow as tf

from tfcovid.errors import InputError

STRATEGIES = ("auto", "one", "mirrored")


def make_strategy(name: str = "auto", batches: Sequence[int] = ()) -> tf.distribute.Strategy | None:
    """On which devices to train: None for one device, or a MirroredStrategy over all of them.

    Args:
        name: "auto" takes all GPUs where there are several, "one" the first, "mirrored" all devices of the best kind,
            also where there is only one.
        batches: sizes of the batches, over all devices together; each device gets an equal share.

    Raises:
        InputError: an unknown name, or a batch that does not divide by the devices.
    """
    if name not in STRATEGIES:
        raise InputError(f"strategy is one of {', '.join(STRATEGIES)}. Received: {name}")
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if name == "one" or (name == "auto" and (len(devices) == 1 or kind == "CPU")):
        return None
    for batch in batches:
        if batch % len(devices):
            nearest = -(-batch // len(devices)) * len(devices)
            raise InputError(
                f"a batch is shared out evenly over {len(devices)} devices: {nearest} would do, or --strategy one. "
                f"Received: batch {batch}"
            )
    return _mirrored(tuple(devices))


@cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    # One for all trainings of a process: a second one would number its collective operations from the start again,
    # and TensorFlow still knows those of the first, with other shapes.
    return tf.distribute.MirroredStrategy(list(devices))


def devices_used(strategy: str, devices: tf.distribute.Strategy | None) -> dict[str, Any]:
    """What `run.json` says of the devices."""
    first = [device.name for device in tf.config.list_logical_devices("GPU")[:1]] or ["/device:CPU:0"]
    return {
        "strategy": strategy,
        "devices": list(devices.extended.worker_devices) if devices else first,
        "replicas": devices.num_replicas_in_sync if devices else 1,
    }
