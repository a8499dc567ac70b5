from collections.abc import Iterator, Mapping
from threading import Lock

import keras
import numpy as np

_BATCH = 8  # slices


class KerasNetwork:
    """A Keras model as a `Network`."""

    def __init__(self, model: keras.Model):
        self.outputs = tuple(model.output) if isinstance(model.output, dict) else ("output",)
        self.batch = 4 if keras.distribution.list_devices("gpu") else 1
        self._model, self._lock = model, Lock()

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self._lock:  # scans are cropped by several threads, and Keras builds its functions at the first call
            named = isinstance(self._model.input, dict)
            found = self._model.predict_on_batch(dict(inputs) if named else next(iter(inputs.values())))
        return found if isinstance(found, dict) else {"output": found}

    def each(self, hu: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        count = min(_BATCH, len(hu))  # a single picture is not worth eight
        for start in range(0, len(hu), count):
            batch = hu[start : start + count, ..., None]
            # Filled up, so that the network is traced once and not again for the last few slices.
            found = self({"hu": np.pad(batch, [(0, count - len(batch)), (0, 0), (0, 0), (0, 0)], mode="edge")})
            for n in range(len(batch)):
                yield {name: value[n] for name, value in found.items()}


def keras_runtime(network: keras.Model) -> dict[str, str]:
    """What is said of it in results, see `Compiled.runtime`: the precision is that of most of its arithmetic."""
    precision = "float32"
    for layer in network._flatten_layers():
        if layer.weights and layer.compute_dtype != "float32":
            precision = layer.compute_dtype
    return {"name": "keras", "version": keras.__version__, "precision": precision}
