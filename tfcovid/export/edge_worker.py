"""The other end of `EdgeProcess`: runs a network from a .tflite or .onnx file, and knows neither TensorFlow nor Keras.

    python -P edge_worker.py FILE THREADS

Started by its path, so that nothing of tfcovid is imported. Standard input brings pickled dictionaries of arrays,
standard output takes for each of them a pickled pair: a dictionary of outputs, and the seconds of the fastest entry.
"""

import os
import pickle
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

Run = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
_LEAST = 5  # runs, before any time counts as the best


def main(path: str, threads: int) -> None:
    # What runtimes print goes with the errors; the pipe is for answers alone.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    run, batch = _litert(path, threads) if path.endswith(".tflite") else _onnx(path, threads)
    if {"tensorflow", "keras"} & set(sys.modules):
        sys.exit("TensorFlow or Keras got into a process that is to show that neither is needed.")
    warm = False
    while True:
        try:
            inputs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        for _ in range(0 if warm else _LEAST):
            _timed(run, batch, {name: value[:batch] for name, value in inputs.items()})
        warm = True
        pickle.dump(_timed(run, batch, inputs), answers)
        answers.flush()


def _litert(path: str, threads: int) -> tuple[Run, int]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=path, num_threads=threads).get_signature_runner()
    return lambda inputs: runner(**inputs), 1  # the files hold a batch of one


def _onnx(path: str, threads: int) -> tuple[Run, int]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True)), 4


def _timed(run: Run, batch: int, inputs: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], float]:
    """The entries of the first axis, `batch` at a time, and the seconds of the fastest."""
    found, best = [], float("inf")
    for start in range(0, len(next(iter(inputs.values()))), batch):
        part = {name: value[start : start + batch] for name, value in inputs.items()}
        started = perf_counter()
        found.append(run(part))
        best = min(best, (perf_counter() - started) / len(next(iter(part.values()))))
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}, best


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
