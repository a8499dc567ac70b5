import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock

import numpy as np

from tfcovid.errors import InputError

_FILL = {"clicks": -1}  # where a place holds no click; behind the last slice, which the mask leaves out, anything


class LiteRtNetwork:
    """A TFLite model on the processor as a `Network`.

    Its inputs have fixed sides: what is shorter is filled up, slices of a scan and clicks.
    """

    batch = 1

    def __init__(self, file: Path):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(file), num_threads=os.cpu_count())
        self._run, self._lock = self._interpreter.get_signature_runner("serving_default"), Lock()
        self._shapes = {name: tuple(one["shape"]) for name, one in self._run.get_input_details().items()}
        self.outputs = tuple(self._run.get_output_details())

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """
        Raises:
            InputError: more slices or clicks than the model takes.
        """
        filled = {name: self._filled(name, np.asarray(value)) for name, value in inputs.items()}
        with self._lock:  # one interpreter, one working memory
            return {name: np.array(value) for name, value in self._run(**filled).items()}

    def each(self, hu: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        for one in hu:
            yield {name: value[0] for name, value in self({"hu": one[None, ..., None]}).items()}

    def _filled(self, name: str, value: np.ndarray) -> np.ndarray:
        more = np.subtract(self._shapes[name], value.shape)
        if (more < 0).any():
            raise InputError(
                f"the litert runtime takes {name} of {self._shapes[name]} at most: use the runtime openvino or keras. "
                f"Received: {value.shape}"
            )
        return np.pad(value, [(0, n) for n in more], constant_values=_FILL.get(name, 0)) if more.any() else value
