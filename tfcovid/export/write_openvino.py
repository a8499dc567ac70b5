import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tfcovid.errors import InputError
from tfcovid.export.evidence import Evidence
from tfcovid.inference import Ensemble, SegmentationSystem, System
from tfcovid.inference.runtime.all_probabilities import all_probabilities
from tfcovid.inference.runtime.check_compiled import EQUAL, EQUAL_VOXELS, check_compiled
from tfcovid.inference.runtime.choose_runtime import choose_runtime
from tfcovid.inference.runtime.compile_bundle import compile_bundle
from tfcovid.inference.runtime.compiled import COMPILED
from tfcovid.inference.runtime.openvino_network import core
from tfcovid.progress import status

_MEANING = {
    "hu": "Hounsfield units, -32768 to 32767: slices as the crop gives them, or windows of a volume",
    "disease": "probabilities of the labels, 0 to 1, by CT window",
    "lesion": "probabilities without and with a lesion, 0 to 1, by CT window",
    "lesion_map": "0 to 1, in the frame of the crop",
    "features": "without a unit, any value; of each slice, in the order of the scan",
    "slice_mask": "true for slices of the scan, false for what fills it up",
    "clicks": "positive and negative clicks, voxels of the whole volume; -1 where there is none",
    "origin": "voxel of the volume where the window begins",
    "spacing": "mm, slice, row and column",
    "output": "probabilities of the labels, 0 to 1",
}
_FRESH = """
import json, sys, time
import numpy as np
from tfcovid.inference import load, load_segmenter
from tfcovid.inference.load import is_segmenter
from tfcovid.inference.runtime.all_probabilities import all_probabilities
from tfcovid.scans import Scan
folder, given, found = sys.argv[1:]
with np.load(given) as one:
    scan = Scan.from_array(one["hu"], one["spacing"].tolist())
from pathlib import Path
system = (load_segmenter if is_segmenter(Path(folder)) else load)(folder, precision="float32")
all_probabilities(system, scan)
started = time.perf_counter()
np.save(found, all_probabilities(system, scan))
strange = [name for name in ("tensorflow", "keras") if name in sys.modules]
print(json.dumps({"ms": 1000 * (time.perf_counter() - started) / len(scan.voxels), "imported": strange}))
"""


def write_openvino(
    system: System | Ensemble | SegmentationSystem,
    folder: Path,
    evidence: Evidence,
    precisions: Sequence[str] = ("float32",),
    tolerance: float | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes a compiled bundle for OpenVINO, which `tfcovid.load` runs without TensorFlow; see `compile_bundle`.

    Args:
        folder: an empty one.
        precisions: of the weights, which are as they were trained: nothing to choose. That of the arithmetic is chosen
            where it runs.
        tolerance: of every probability of slices and scan; None for 1e-4, and 1e-3 of a segmenter's voxels.

    Returns:
        For `export.json`: "files" (bytes), "networks" (inputs and outputs with shapes, types and what they
        are), "largest_difference", "tolerance" and "ms_a_slice", all in float32; "bfloat16" by folder, where the
        processor has it: "largest_difference" on a phantom, and whether that "holds" for it to be used.

    Raises:
        InputError: a network that OpenVINO cannot run, the extra is missing, or probabilities that are not those of the
            bundle.
    """
    choose_runtime("openvino")
    scan = evidence.scan
    with status("Compiling", progress):
        compile_bundle(system, folder, "openvino")
    with status("Asking the bundle", progress):
        check_compiled(system, folder)
        expected = all_probabilities(system, scan)
    with status("Asking the export, in a fresh process", progress):
        found, told = _in_a_fresh_process(folder, scan)
    if tolerance is None:
        tolerance = EQUAL_VOXELS if isinstance(system, SegmentationSystem) else EQUAL
    largest = float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
    if not largest <= tolerance:
        raise InputError(
            f"{system.config.name}: a probability differs from the bundle's by {largest:.2g}, more than {tolerance:g}, "
            f"on {evidence.described}, and it was not exported."
        )
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*.*"))}
    return {
        "files": files,
        "networks": {name: _signature(folder / name) for name in files if name.endswith(".xml")},
        "largest_difference": largest,
        "tolerance": tolerance,
        "ms_a_slice": round(told["ms"], 3),
        "bfloat16": {
            str(path.parent.relative_to(folder)): json.loads(path.read_text(encoding="utf-8"))["bfloat16"]
            for path in sorted(folder.rglob(COMPILED))
        },
    }


def _in_a_fresh_process(folder: Path, scan) -> tuple[np.ndarray, dict[str, Any]]:
    with TemporaryDirectory() as work:
        given, found = Path(work, "scan.npz"), Path(work, "found.npy")
        np.savez(given, hu=scan.hu, spacing=scan.spacing)
        command = [sys.executable, "-c", _FRESH, str(folder), str(given), str(found)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            raise InputError(f"the export does not run in a fresh process: {done.stderr.strip()[-500:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        if told["imported"]:
            raise InputError(f"the export needs {' and '.join(told['imported'])}, which it should do without.")
        return np.load(found), told


def _signature(file: Path) -> dict[str, Any]:
    model = core().read_model(file)

    def told(ports: Sequence) -> dict[str, Any]:
        return {
            one.any_name: {
                "shape": [None if side.is_dynamic else side.get_length() for side in one.partial_shape],
                "type": one.element_type.to_string(),
                "is": _MEANING.get(one.any_name, ""),
            }
            for one in ports
        }

    return {"inputs": told(model.inputs), "outputs": told(model.outputs)}
