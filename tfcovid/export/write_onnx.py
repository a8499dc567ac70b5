from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from os import cpu_count
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfcovid.errors import InputError
from tfcovid.export.edge_chain import EdgeChain
from tfcovid.export.edge_differences import edge_differences
from tfcovid.export.edge_mask_differences import edge_mask_differences
from tfcovid.export.edge_patient_difference import edge_patient_difference
from tfcovid.export.edge_patient_model import edge_patient_model
from tfcovid.export.edge_process import EdgeProcess
from tfcovid.export.edge_require_equal import edge_require_equal
from tfcovid.export.edge_segmenter_inputs import edge_segmenter_inputs
from tfcovid.export.edge_signature import edge_signature
from tfcovid.export.evidence import Evidence
from tfcovid.export.onnx_write_model import onnx_write_model
from tfcovid.inference import Ensemble, SegmentationSystem, System
from tfcovid.inference.runtime.read_together import read_together
from tfcovid.inference.segmentation_system import inference_graph
from tfcovid.networks import fold
from tfcovid.progress import with_progress

TOLERANCE = 1e-4


def write_onnx(
    system: System | Ensemble | SegmentationSystem,
    folder: Path,
    evidence: Evidence,
    precisions: Sequence[str] = ("float32",),
    tolerance: float | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes the networks of a bundle as ONNX files of any batch, run in ONNX Runtime and compared with it.

    `slice.onnx` takes cropped slices in HU, the windows are inside: `windowed`. `patient.onnx` takes the features of
    one window, any number of slices. `segment.onnx` is what `inference_graph` makes. An ensemble has its members'.

    Args:
        precisions: float32 is the one there is.
        tolerance: None for 0.0001.

    Returns:
        "config", "networks", "differences" and "table", as `write_tflite`.

    Raises:
        InputError: tf2onnx or ONNX Runtime is missing, or an export that is not equal to the bundle.
    """
    for module in ("tf2onnx", "onnxruntime"):
        if find_spec(module) is None:
            raise InputError(f"onnx: {module} is missing: pip install 'tfcovid[onnx]'. Received: none")
    limit = TOLERANCE if tolerance is None else tolerance
    members = system.members if isinstance(system, Ensemble) else {"": system}
    models = {
        f"{name}_{part}" if name else part: model
        for name, member in members.items()
        for part, model in _models(member).items()
    }
    for name, model in with_progress(models.items(), len(models), "Converting", progress):
        onnx_write_model(model, folder / f"{name}.onnx")
    threads = cpu_count()
    with ExitStack() as stack:
        running = {name: stack.enter_context(EdgeProcess(folder / f"{name}.onnx", threads)) for name in models}
        compare = _segmenter_differences if isinstance(system, SegmentationSystem) else _differences
        differences = compare(system, members, running, evidence)
    edge_require_equal(differences, limit, "float32")
    networks = {
        name: {
            "file": run.path.name,
            "bytes": run.path.stat().st_size,
            "milliseconds": round(run.milliseconds, 3),
            **edge_signature(models[name]),
        }
        for name, run in running.items()
    }
    return {
        "config": system.config.model_dump(mode="json"),
        "threads": threads,
        "tolerances": {"float32": limit},
        "networks": networks,
        "differences": {"float32": differences},
        "table": _table(networks, differences),
    }


def _models(system: System | SegmentationSystem) -> dict[str, keras.Model]:
    if isinstance(system, SegmentationSystem):
        graph = inference_graph(system.config, fold(system.network))
        return {"segment": keras.Model(graph.input, {"probabilities": graph.output}, name="segment")}
    models = {"slice": read_together(system.config, system.slice_network)}
    if system.patient_network is not None:
        models["patient"] = edge_patient_model(system.patient_network)
    if system.finder is not None:
        models["lungs"] = _models(system.finder)["segment"]
    return models


def _differences(
    system: System | Ensemble, members: dict[str, System], running: dict[str, EdgeProcess], evidence: Evidence
) -> dict[str, float]:
    answers, found = [], {}
    for name, member in members.items():
        before = f"{name}_" if name else ""
        patient, lungs = running.get(f"{before}patient"), running.get(f"{before}lungs")
        chain = EdgeChain(member.config, _of_hu(running[f"{before}slice"]), patient, member.finder)
        answers.append(chain.answer(evidence.scan))
        if patient is not None:
            own = edge_patient_difference(member.patient_network, patient, answers[-1].features)
            found["patient"] = max(own, found.get("patient", 0.0))
        if lungs is not None:
            inputs, expected = edge_segmenter_inputs(member.finder, evidence.scan)
            own = edge_mask_differences(lungs(inputs)["probabilities"], expected)["mask"]
            found["mask"] = max(own, found.get("mask", 0.0))
    return edge_differences(answers, [member.diagnose(evidence.scan) for member in members.values()]) | found


def _of_hu(run: EdgeProcess) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    return lambda hu: run({"hu": hu[..., np.newaxis]})


def _segmenter_differences(
    system: SegmentationSystem, members: dict, running: dict[str, EdgeProcess], evidence: Evidence
) -> dict[str, float]:
    inputs, expected = edge_segmenter_inputs(system, evidence.scan)
    return edge_mask_differences(running["segment"](inputs)["probabilities"], expected)


def _table(networks: dict[str, dict[str, Any]], differences: dict[str, float]) -> list[dict[str, Any]]:
    rows = [
        {"network": name, "precision": "float32", "megabytes": one["bytes"] / 1e6, "milliseconds": one["milliseconds"]}
        for name, one in networks.items()
    ]
    largest = differences["scan"] if "scan" in differences else differences["pixels"]
    return [*rows, {"network": "all", "precision": "float32", "difference": largest}]
