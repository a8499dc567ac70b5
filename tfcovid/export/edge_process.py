import pickle
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from tfcovid.errors import InputError

_WORKER = Path(__file__).with_name("edge_worker.py")


class EdgeProcess:
    """A network in a .tflite or .onnx file, run by LiteRT or ONNX Runtime in a process of its own without TensorFlow.

    Called with arrays by the names of the file's inputs, all of one first axis, it gives those of its outputs; LiteRT
    runs the entries of the first axis one by one. A context manager: the process ends with it.

    Attributes:
        milliseconds: of the fastest entry so far, of five runs or more; None before the first call.

    Raises:
        InputError: the file does not run; with the last words of the runtime.
    """

    def __init__(self, path: Path, threads: int):
        self.path, self.milliseconds = path, None
        self._errors = TemporaryFile()  # noqa: SIM115, closed with the process
        # -P: the folder of the worker, with its neighbours, is no place to import from.
        command = [sys.executable, "-P", str(_WORKER), str(path), str(threads)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        try:
            pickle.dump(inputs, self._child.stdin)
            self._child.stdin.flush()
            outputs, seconds = pickle.load(self._child.stdout)
        except (EOFError, BrokenPipeError) as error:
            self._child.wait()
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise InputError(
                f"{self.path.name}: its runtime does not run it; leave this precision out, or report it as a fault of "
                f"tfcovid. Received: {' '.join(last) or 'no words'}"
            ) from error
        self.milliseconds = min(1000 * seconds, self.milliseconds or float("inf"))
        return outputs

    def __enter__(self) -> "EdgeProcess":
        return self

    def __exit__(self, *error) -> None:
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait()
        self._errors.close()
