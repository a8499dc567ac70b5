from pathlib import Path
from typing import Any

from tfcovid.export.edge_mask_differences import edge_mask_differences
from tfcovid.export.edge_process import EdgeProcess
from tfcovid.export.edge_require_equal import edge_require_equal
from tfcovid.export.edge_segmenter_inputs import edge_segmenter_inputs
from tfcovid.export.evidence import Evidence
from tfcovid.export.tflite_files import tflite_files
from tfcovid.inference import SegmentationSystem
from tfcovid.preprocess import window


def tflite_segmenter(
    system: SegmentationSystem,
    folder: Path,
    evidence: Evidence,
    limits: dict[str, float],
    threads: int,
    progress: bool,
) -> dict[str, Any]:
    """`write_tflite` of a segmenter: its network, compared on what `edge_segmenter_inputs` gives."""
    made = tflite_files(system, folder, tuple(limits), evidence.entries, progress=progress)["segment"]
    flat = system.config.network.kind == "attention_unet"
    inputs, expected = edge_segmenter_inputs(system, evidence.scan)
    if flat:
        level = system.config.window
        inputs = {"levels": window(inputs["hu"], level.center, level.width)}
    differences, files, rows = {}, {}, []
    for precision, limit in limits.items():
        path = made.of(precision)
        with EdgeProcess(path, threads) as run:
            found = run(inputs)["probabilities"]
        differences[precision] = edge_mask_differences(found, expected)
        edge_require_equal(differences[precision], limit, precision)
        size, time = path.stat().st_size, round(run.milliseconds, 3)
        files[precision] = {"file": path.name, "bytes": size, "milliseconds": time}
        row = {"network": "segment", "precision": precision, "megabytes": size / 1e6, "milliseconds": time}
        rows.append({**row, "difference": differences[precision]["pixels"]})
    return {"networks": {"segment": {"files": files, **made.signature}}, "differences": differences, "table": rows}
