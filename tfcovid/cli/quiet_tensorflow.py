import os
import sys


def quiet_tensorflow() -> None:
    """Imports TensorFlow without what it tells of processors and missing GPU libraries.

    It writes some of that before its own log level counts, straight to the file descriptor. Errors are not lost:
    they arrive as exceptions.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return  # networks and weights work without it
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
