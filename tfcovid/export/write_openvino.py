import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tfcovid.data.network_slices import network_slices
from tfcovid.errors import InputError
from tfcovid.export.evidence import Evidence
from tfcovid.inference import Ensemble, SegmentationSystem, System
from tfcovid.inference.runtime.all_probabilities import all_probabilities
from tfcovid.inference.runtime.check_compiled import CLOSE, EQUAL, EQUAL_VOXELS, check_compiled
from tfcovid.inference.runtime.choose_runtime import choose_runtime
from tfcovid.inference.runtime.compile_bundle import compile_bundle, parts, write_facts
from tfcovid.inference.runtime.compiled import COMPILED
from tfcovid.progress import with_progress

_SCANS, _SLICES = 8, 300  # that integers are fitted to, at most
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
system = (load_segmenter if is_segmenter(Path(folder)) else load)(folder)
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

    "int8": the slice networks compute in integers, fitted by NNCF to slices of the first labelled scans. Of several
    precisions each is a bundle in a folder of its name.

    Args:
        folder: an empty one.
        tolerance: of every probability of slices and scan; None for 1e-4, 1e-3 of a segmenter's voxels, 0.01 of int8.

    Returns:
        For `export.json`, "bundles": of each precision its "folder", "files" (bytes), "bytes", "networks" (inputs and
        outputs with shapes, types and what they are), "largest_difference", "tolerance" and "ms_a_slice".

    Raises:
        InputError: a network that OpenVINO cannot run, an extra that is missing, int8 without labelled scans or of a
            segmenter alone, or probabilities that are not those of the bundle.
    """
    choose_runtime("openvino")
    if "int8" in precisions:
        _check_int8(system, evidence)
    scan = evidence.scan
    expected = all_probabilities(system, scan)
    bundles = []
    for precision in with_progress(precisions, len(precisions), "Compiling", progress):
        place = folder if len(precisions) == 1 else folder / precision
        compile_bundle(system, place, "openvino")
        check_compiled(system, place)
        if precision == "int8":
            _to_integers(system, place, evidence)
        allowed = tolerance
        if allowed is None:
            allowed = CLOSE if precision == "int8" else EQUAL_VOXELS if _outlines(system) else EQUAL
        found, told = _in_a_fresh_process(place, scan)
        largest = float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
        if not largest <= allowed:
            raise InputError(
                f"{precision}: a probability differs from the bundle's by {largest:.2g}, more than {allowed:g}, on "
                f"{evidence.described}. Export another precision, or allow it with a tolerance."
            )
        files = {str(path.relative_to(place)): path.stat().st_size for path in sorted(place.rglob("*.*"))}
        bundles.append(
            {
                "precision": precision,
                "folder": str(place.relative_to(folder)),
                "files": files,
                "bytes": sum(files.values()),
                "networks": {name: _signature(place / name) for name in files if name.endswith(".xml")},
                "largest_difference": largest,
                "tolerance": allowed,
                "ms_a_slice": round(told["ms"], 3),
            }
        )
    return {"bundles": bundles}


def _outlines(system: System | Ensemble | SegmentationSystem) -> bool:
    return isinstance(system, SegmentationSystem)


def _check_int8(system: System | Ensemble | SegmentationSystem, evidence: Evidence) -> None:
    from importlib.util import find_spec

    if _outlines(system):
        raise InputError("int8 is of slice networks, and a segmenter has none: export float32. Received: int8")
    if not evidence.entries:
        raise InputError(
            "int8 is fitted to slices of labelled scans: name them with --manifest, or export float32. Received: int8 "
            "without scans"
        )
    if not find_spec("nncf"):
        raise InputError("int8 needs NNCF: pip install 'tfcovid[openvino]'. Received: int8")


def _to_integers(system: System | Ensemble, folder: Path, evidence: Evidence) -> None:
    import nncf
    import openvino

    nncf.set_log_level("ERROR")
    for below, part in parts(system):
        if not isinstance(part, System):
            continue
        place = folder / below
        slices = [one[None, ..., None] for one in _fitted_to(part, evidence)]
        model = openvino.Core().read_model(place / "slice.xml")
        # Of an open batch, constants that belong to one size of it are left in the integers' graph.
        model.reshape([1, *list(model.input().partial_shape)[1:]])
        integers = nncf.quantize(model, nncf.Dataset(slices), subset_size=len(slices))
        del model  # which holds the file that is written anew
        openvino.save_model(integers, place / "int8.xml", compress_to_fp16=False)
        for suffix in (".xml", ".bin"):
            (place / f"int8{suffix}").replace(place / f"slice{suffix}")
        facts = json.loads((place / COMPILED).read_text(encoding="utf-8"))
        write_facts(place, facts | {"precision": "int8", "bfloat16": None})


def _fitted_to(system: System, evidence: Evidence) -> Iterator[np.ndarray]:
    """Slices spread evenly over those of the first scans, as the network sees them."""
    scans = min(_SCANS, len(evidence.entries))
    for _, scan in islice(evidence.scans(), scans):
        hu = network_slices(scan, system.config, finder=system.finder).hu
        yield from hu[np.unique(np.linspace(0, len(hu) - 1, _SLICES // scans).round().astype(int))]


def _in_a_fresh_process(folder: Path, scan) -> tuple[np.ndarray, dict[str, Any]]:
    with TemporaryDirectory() as work:
        given, found = Path(work, "scan.npz"), Path(work, "found.npy")
        np.savez(given, hu=scan.hu, spacing=scan.spacing)
        command = [sys.executable, "-c", _FRESH, str(folder), str(given), str(found)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"the export does not run in a fresh process: {done.stderr.strip()[-500:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        if told["imported"]:
            raise InputError(f"the export needs {' and '.join(told['imported'])}, which it should do without.")
        return np.load(found), told


def _signature(file: Path) -> dict[str, Any]:
    import openvino

    model = openvino.Core().read_model(file)

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
