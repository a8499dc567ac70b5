import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.runtime.all_probabilities import all_probabilities
from tfcovid.inference.runtime.compile_bundle import parts, write_facts
from tfcovid.inference.runtime.compiled import COMPILED, read_compiled
from tfcovid.inference.runtime.openvino_network import computes_bfloat16
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.system import System
from tfcovid.phantom import make_phantom
from tfcovid.scans import Scan

# Of probabilities. Those of single voxels are as steep as edges are.
EQUAL, EQUAL_VOXELS, CLOSE = 1e-4, 1e-3, 0.01


def check_compiled(system: System | Ensemble | SegmentationSystem, folder: Path) -> None:
    """Compares a compiled bundle with its Keras networks on a phantom, and notes in it whether bfloat16 will do.

    bfloat16 is tried where the processor has it. It will do where no probability moves by more than 0.01.

    Args:
        folder: that `compile_bundle` wrote of `system`.

    Raises:
        InputError: a probability of float32 is off by more than 1e-4, or 1e-3 of a voxel.
    """
    made = make_phantom("covid", seed=0, shape=(12, 160, 160))
    scan = Scan.from_array(made.hu, made.spacing)
    for below, part in parts(system):
        if isinstance(part, Ensemble):
            continue
        place = folder / below
        expected = all_probabilities(part, scan)

        def difference(precision: str, part=part, place=place, expected=expected) -> float:
            return float(np.abs(all_probabilities(_with(part, place, precision), scan) - expected).max())

        facts = json.loads((place / COMPILED).read_text(encoding="utf-8"))
        found = difference("float32")
        if not found <= (EQUAL_VOXELS if isinstance(part, SegmentationSystem) else EQUAL):
            raise InputError(
                f"{part.config.name} on {facts['runtime']} differs from Keras by {found:.2g} in a probability: use the "
                f"runtime keras."
            )
        facts["largest_difference"] = found
        if facts["runtime"] == "openvino" and computes_bfloat16():
            found = difference("bfloat16")
            facts["bfloat16"] = {"largest_difference": found, "holds": found <= CLOSE}
        write_facts(place, facts)


def _with(part: System | SegmentationSystem, folder: Path, precision: str) -> System | SegmentationSystem:
    compiled = read_compiled(folder, precision)
    if isinstance(part, SegmentationSystem):
        return replace(part, network=None, compiled=compiled)
    return replace(part, slice_network=None, patient_network=None, compiled=compiled)
