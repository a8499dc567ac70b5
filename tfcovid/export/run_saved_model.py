import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfcovid.errors import InputError


def run_saved_model(
    model: Path, requests: Sequence[tuple[str, dict[str, np.ndarray]]]
) -> list[tuple[dict[str, np.ndarray], float]]:
    """Asks a SavedModel in a fresh process, through the C API: without Python, Keras or tfcovid behind it.

    Args:
        model: the folder with `saved_model.pb`.
        requests: each the name of a signature and its inputs by name.

    Returns:
        For each request the outputs by name, and the seconds of a second run.

    Raises:
        InputError: a request that the model refuses, with its words.
    """
    definition = saved_model_pb2.SavedModel()
    definition.ParseFromString((model / "saved_model.pb").read_bytes())
    signatures = definition.meta_graphs[0].signature_def

    def ends(tensors) -> dict[str, list]:
        found = {name: tensor.name.split(":") for name, tensor in tensors.items()}
        return {name: [operation, int(index)] for name, (operation, index) in found.items()}

    jobs = [{side: ends(getattr(signatures[name], side)) for side in ("inputs", "outputs")} for name, _ in requests]
    script = Path(__file__).with_name("through_c_api.py")
    with TemporaryDirectory() as folder:
        job_file, inputs, outputs = (Path(folder) / name for name in ("jobs.json", "inputs.npz", "outputs.npz"))
        job_file.write_text(json.dumps(jobs), encoding="utf-8")
        given = {f"{n}/{name}": value for n, (_, values) in enumerate(requests) for name, value in values.items()}
        np.savez(inputs, **given)
        command = [sys.executable, "-P", script, Path(tf.__file__).parent, model, job_file, inputs, outputs]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            reason = done.stderr.strip() or f"the process ended with code {done.returncode}"
            raise InputError(f"{model}: the C API could not run it: {reason}")
        with np.load(outputs) as found:
            names = [sorted(job["outputs"]) for job in jobs]
            return [
                ({name: found[f"{n}/{name}"] for name in wanted}, float(found[str(n)]))
                for n, wanted in enumerate(names)
            ]
