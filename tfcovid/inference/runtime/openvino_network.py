from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.inference.runtime.cache_folder import cache_folder
from tfcovid.inference.runtime.quiet_openvino import quiet_openvino

_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoNetwork:
    """An OpenVINO model on the processor as a `Network`.

    Slices are read one at a time, with all their windows, by as many requests at once as OpenVINO finds best: faster
    than batches of them, and nothing is filled up.

    Args:
        file: `.xml`, its weights beside it.
        precision: of the arithmetic, "float32" or "bfloat16".
        slices: the model is one of slices, for `each`.
    """

    batch = 1

    def __init__(self, file: Path, precision: str = "float32", slices: bool = False):
        model = core().read_model(file)
        if slices:
            model.reshape([1, *list(model.input().partial_shape)[1:]])
        hint = "THROUGHPUT" if slices else "LATENCY"
        options = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": hint}
        if cache_folder().resolve() in file.resolve().parents:
            # What was compiled for this processor, loaded in a fifth of the time. Folders of others stay as they are.
            options["CACHE_DIR"] = str(file.parent / "compiled")
        self._compiled = core().compile_model(model, "CPU", options)
        self.outputs = tuple(one.any_name for one in self._compiled.outputs)

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        request = self._compiled.create_infer_request()
        request.infer(dict(inputs))
        return self._results(request)

    def each(self, hu: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        count = min(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"), len(hu))
        idle, busy = [self._compiled.create_infer_request() for _ in range(count)], deque()
        for one in hu:
            if not idle:
                idle.append(busy.popleft())
                yield self._one(idle[-1])
            busy.append(idle.pop())
            busy[-1].start_async({"hu": one[None, ..., None]})
        for request in busy:
            yield self._one(request)

    def _one(self, request: Any) -> dict[str, np.ndarray]:
        request.wait()
        return {name: value[0] for name, value in self._results(request).items()}

    def _results(self, request: Any) -> dict[str, np.ndarray]:
        # Copied: the next inference of the request writes over its tensors.
        return {name: request.get_tensor(name).data.copy() for name in self.outputs}


@lru_cache(maxsize=1)
def core() -> Any:
    """OpenVINO's, one a process."""
    return quiet_openvino().Core()


def computes_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16 (AVX512_BF16 or AMX)."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
