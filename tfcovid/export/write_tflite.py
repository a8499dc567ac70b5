from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.errors import InputError
from tfcovid.export.edge_auc import edge_auc
from tfcovid.export.edge_chain import EdgeAnswer, EdgeChain, through_windows
from tfcovid.export.edge_differences import edge_differences
from tfcovid.export.edge_lungs import EdgeLungs
from tfcovid.export.edge_patient_difference import edge_patient_difference
from tfcovid.export.edge_process import EdgeProcess
from tfcovid.export.edge_require_equal import edge_require_equal
from tfcovid.export.evidence import Evidence
from tfcovid.export.tflite_convert import PRECISIONS
from tfcovid.export.tflite_draws import tflite_draws
from tfcovid.export.tflite_files import TfliteFiles, tflite_files
from tfcovid.export.tflite_segmenter import tflite_segmenter
from tfcovid.inference import Ensemble, SegmentationSystem, System
from tfcovid.scans import Scan

# Largest difference of a probability that is taken for equal; of a segmenter, pixels with another label in per cent.
TOLERANCES = {"float32": 1e-4, "float16": 0.01, "dynamic": 0.05, "int8": 0.1}


def write_tflite(
    system: System | Ensemble | SegmentationSystem,
    folder: Path,
    evidence: Evidence,
    precisions: Sequence[str] = PRECISIONS,
    tolerance: float | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes the networks of a bundle as TFLite files of built-in operators, run in LiteRT and compared with it.

    Cropping, resizing and windowing stay outside: `scripts/edge_predict.py` does them in NumPy, and joins the slices of
    a scan, by what `export.json` says.

    Args:
        precisions: where all are asked for, those that cannot be had are left out and the facts say why.
        tolerance: of every precision; None for `TOLERANCES`.

    Returns:
        "config" of the bundle; "members", config and networks of each system in it; "networks", files, signatures,
        sizes and speed; "differences" of each precision on the scan; "auc" where there are labelled scans; "left_out"
        and why; "table", rows for `edge_table`.

    Raises:
        InputError: LiteRT is missing, a precision that cannot be had, or one that is not equal to the bundle.
    """
    if find_spec("ai_edge_litert") is None:
        raise InputError("tflite: what is exported runs in LiteRT first: pip install 'tfcovid[litert]'. Received: none")
    left_out = _left_out(system, evidence)
    if tuple(precisions) != PRECISIONS:
        for precision in precisions:
            if precision in left_out:
                raise InputError(f"precision {precision}: {left_out[precision]} Received: {precision}")
    precisions = [precision for precision in precisions if precision not in left_out]
    limits = {precision: TOLERANCES[precision] if tolerance is None else tolerance for precision in precisions}
    threads = cpu_count()
    export = tflite_segmenter if isinstance(system, SegmentationSystem) else _write_classifier
    return {
        "config": system.config.model_dump(mode="json"),
        "threads": threads,
        "tolerances": limits,
        "left_out": left_out,
        **export(system, folder, evidence, limits, threads, progress),
    }


def _left_out(system: System | Ensemble | SegmentationSystem, evidence: Evidence) -> dict[str, str]:
    """Precisions that cannot be had, and why."""
    if isinstance(system, SegmentationSystem) and system.config.network.kind != "attention_unet":
        why = "TFLite's 3-D convolutions are float ones; take float32 or float16."
        return {"dynamic": why, "int8": why}
    if not evidence.entries:
        return {"int8": "its integers are fitted to labelled scans: give --manifest."}
    return {}


def _write_classifier(
    system: System | Ensemble,
    folder: Path,
    evidence: Evidence,
    limits: dict[str, float],
    threads: int,
    progress: bool,
) -> dict[str, Any]:
    members = system.members if isinstance(system, Ensemble) else {"": system}
    before = {name: f"{name}_" if name else "" for name in members}
    made = {
        name: tflite_files(member, folder, tuple(limits), evidence.entries, before[name], progress)
        for name, member in members.items()
    }
    references = [member.diagnose(evidence.scan) for member in members.values()]
    labels = system.config.labels
    bundle_auc = edge_auc(lambda scan: np.array(list(system.diagnose(scan).probabilities.values())), evidence, labels)
    differences, aucs, times = {}, {}, {}
    for precision, limit in limits.items():
        with ExitStack() as stack:
            running = {
                name: {part: stack.enter_context(EdgeProcess(one.of(precision), threads)) for part, one in own.items()}
                for name, own in made.items()
            }
            chains = [_chain(member, running[name]) for name, member in members.items()]
            answers = [chain.answer(evidence.scan) for chain in chains]
            differences[precision] = edge_differences(answers, references) | _of_patients(members, running, answers)
            edge_require_equal(differences[precision], limit, precision)
            aucs[precision] = edge_auc(lambda scan, chains=chains: _mean(chains, scan), evidence, labels)
            times |= {one.path.name: one.milliseconds for own in running.values() for one in own.values()}
    networks = {
        f"{before[name]}{part}": _network(one, times) for name, own in made.items() for part, one in own.items()
    }
    return {
        "members": {name or system.config.name: _member(members[name], before[name], folder) for name in members},
        "networks": networks,
        "differences": differences,
        "auc": {"bundle": bundle_auc, **aucs},
        "table": _table(networks, differences, bundle_auc, aucs),
    }


def _chain(system: System, running: dict[str, EdgeProcess]) -> EdgeChain:
    lungs = running.get("lungs")
    return EdgeChain(
        system.config,
        through_windows(system.config, running["slice"]),
        running.get("patient"),
        lungs and EdgeLungs(system.finder.config, lungs, system.finder.hash),
    )


def _of_patients(members: dict[str, System], running: dict[str, dict], answers: list[EdgeAnswer]) -> dict[str, float]:
    found = [
        edge_patient_difference(members[name].patient_network, own["patient"], answer.features)
        for (name, own), answer in zip(running.items(), answers, strict=True)
        if "patient" in own
    ]
    return {"patient": max(found)} if found else {}


def _mean(chains: list[EdgeChain], scan: Scan) -> np.ndarray:
    """`(labels,)`, over windows and members."""
    return np.mean([chain.answer(scan).by_window for chain in chains], axis=(0, 1))


def _network(made: TfliteFiles, times: dict[str, float]) -> dict[str, Any]:
    files = {
        precision: {"file": path.name, "bytes": path.stat().st_size, "milliseconds": round(times[path.name], 3)}
        for precision, path in made.files.items()
    }
    return {"files": files, **made.signature}


def _member(system: System, before: str, folder: Path) -> dict[str, Any]:
    """What is needed to run a system, beside its files."""
    found = {"config": system.config.model_dump(mode="json"), "slice": f"{before}slice"}
    if system.patient_network is not None:
        found["patient"] = f"{before}patient"
    if system.finder is not None:
        found |= {"lungs": f"{before}lungs", "lungs_config": system.finder.config.model_dump(mode="json")}
    drawn = tflite_draws(system.config)
    if drawn is not None:
        found["draws"] = f"{before}draws.npy"
        np.save(folder / found["draws"], drawn)
    return found


def _table(networks, differences, bundle_auc, aucs) -> list[dict[str, Any]]:
    """A row for every file, and one for the whole in each precision."""
    rows = [
        {
            "network": name,
            "precision": precision,
            "megabytes": file["bytes"] / 1e6,
            "milliseconds": file["milliseconds"],
        }
        for name, network in networks.items()
        for precision, file in network["files"].items()
    ]
    for precision, found in differences.items():
        files = [one["files"].get(precision) or one["files"]["float32"] for one in networks.values()]
        auc = aucs[precision]
        change = None if auc is None else auc - bundle_auc
        whole = {"network": "all", "precision": precision, "megabytes": sum(file["bytes"] for file in files) / 1e6}
        rows.append({**whole, "difference": found["scan"], "auc": auc, "auc_change": change})
    return rows
