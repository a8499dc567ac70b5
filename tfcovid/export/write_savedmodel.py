from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.errors import InputError
from tfcovid.export.evidence import Evidence
from tfcovid.export.require_equal import require_equal
from tfcovid.export.run_saved_model import run_saved_model
from tfcovid.export.serving_files import write_serving_files
from tfcovid.export.serving_inputs import serving_inputs
from tfcovid.export.serving_model import ServingModel
from tfcovid.export.serving_requests import serving_requests
from tfcovid.export.signature_facts import signature_facts
from tfcovid.export.write_warmup import write_warmup
from tfcovid.inference import Ensemble, SegmentationSystem, System
from tfcovid.progress import status

TOLERANCE = 1e-4


def write_savedmodel(
    system: System | Ensemble | SegmentationSystem,
    folder: Path,
    evidence: Evidence,
    precisions: Sequence[str] = (),
    tolerance: float | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes a SavedModel as TF Serving reads it, with all preprocessing inside, and asks every signature of it.

    `folder` gets NAME/1 with the model, labels and model card in its assets, requests that warm it up, and what starts
    a server. Every signature is run in a fresh process through TensorFlow's C API, and compared with the bundle.

    Args:
        precisions: of networks, which are as they were trained: nothing to choose.

    Returns:
        For `export.json`: "model", "version", "signatures" with their facts, "largest_difference", "tolerance",
        "seconds" of each request when warm.

    Raises:
        InputError: an answer is not that of the bundle.
    """
    tolerance = TOLERANCE if tolerance is None else tolerance
    name, version = system.config.name, folder / system.config.name / "1"
    with status("Building the graph", progress):
        model = ServingModel(system)
        model.save(version)
    (version / "assets").mkdir(exist_ok=True)
    (version / "assets" / "labels.txt").write_text("\n".join(system.config.labels) + "\n", encoding="utf-8")
    (version / "assets" / "card.md").write_text(getattr(system, "card", ""), encoding="utf-8")
    with status("Asking the bundle", progress):
        requests = serving_requests(system, model, evidence.scan)
    with status("Asking the export, in a fresh process", progress):
        answers = run_saved_model(version, [(one.signature, one.inputs) for one in requests])
    signatures = {one: signature_facts(one, function) for one, function in sorted(model.signatures.items())}
    for request, (found, seconds) in zip(requests, answers, strict=True):
        difference = require_equal(f"{name}: signature {request.signature}", found, request.expected, tolerance)
        of_request = {key: list(value.shape) for key, value in request.inputs.items()}
        signatures[request.signature] |= {
            "verified": {"shapes": of_request, "largest_difference": difference, "seconds": round(seconds, 4)}
        }
    missing = sorted(set(signatures) - {one.signature for one in requests})
    assert not missing, f"signatures that nobody asked: {missing}"
    write_serving_files(folder, name)
    return {
        "model": name,
        "version": 1,
        "signatures": signatures,
        "largest_difference": max(one["verified"]["largest_difference"] for one in signatures.values()),
        "tolerance": tolerance,
        "warm_up": _warm_up(version, name, serving_inputs(system, model, Evidence.gather().scan)),
    }


def _warm_up(version: Path, name: str, inputs: dict[str, dict[str, np.ndarray]]) -> int | str:
    """How many requests warm the model up, or why there are none. Of a phantom: an export holds nobody's scan."""
    try:
        write_warmup(version, name, list(inputs.items()))
    except InputError as error:
        return f"left out: {error}"
    return len(inputs)
