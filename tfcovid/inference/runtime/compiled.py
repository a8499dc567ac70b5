"""The networks of a bundle in another form than Keras's."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tfcovid.errors import InputError
from tfcovid.inference.runtime.choose_runtime import choose_runtime
from tfcovid.inference.runtime.network import Network

COMPILED = "compiled.json"
PACKAGES = {"keras": "keras", "openvino": "openvino", "litert": "ai-edge-litert"}
# Folders of a bundle that hold bundles.
LUNGS, THEN, MEMBERS = "lungs", "then", "members"
_SUFFIX = {"openvino": ".xml", "litert": ".tflite"}


@dataclass(frozen=True)
class Compiled:
    """The networks of one system or segmenter, ready to run.

    Attributes:
        networks: "slice", of `read_together`, and where there is one "patient"; or "segment", of `inference_graph`.
        runtime: what runs them, for results: "name", "version", "precision" and, where there is something to say of
            the choice, "note".
        facts: what `compiled.json` says: of a segmenter also "hash" and "inner", the sides of its masks.
    """

    networks: dict[str, Network]
    runtime: dict[str, str]
    facts: dict[str, Any]


def read_compiled(folder: Path, precision: str | None = None) -> Compiled:
    """The networks of a compiled bundle, see `compile_bundle`; those of the bundles within it are not read.

    Args:
        precision: of the arithmetic; None for bfloat16 where the processor has it and the bundle says that
            probabilities stay what they are, and otherwise that of the files.

    Raises:
        InputError: a damaged bundle, one of a later format, or a runtime that is not installed.
    """
    facts = json.loads((folder / COMPILED).read_text(encoding="utf-8"))
    if facts["format"] != 1:
        raise InputError(f"{folder}: compiled in format {facts['format']}; this tfcovid reads format 1. Update it.")
    runtime = choose_runtime(facts["runtime"])
    note = ""
    if precision is None:
        precision, note = (facts["precision"], "") if runtime == "litert" else _precision(facts)
    # What joins slices takes little time, and carries what the slices are off to the answer: in float32.
    precisions = {name: "float32" if name == "patient" else precision for name in facts["networks"]}
    with ThreadPoolExecutor() as pool:  # large files take as long to check as to load
        intact = pool.submit(_require_intact, folder, facts["files"])
        if runtime == "litert":  # which breaks down over a damaged file
            intact.result()
        loading = {
            name: pool.submit(_network, network_file(folder, name, runtime), precisions[name], by_slice)
            for name, by_slice in facts["networks"].items()
        }
        intact.result()
        try:
            networks = {name: one.result() for name, one in loading.items()}
        except RuntimeError as error:
            raise InputError(f"{folder}: {runtime} cannot read it: {error}; copy or export it again.") from error
    said = {"name": runtime, "version": version(PACKAGES[runtime]), "precision": precision}
    return Compiled(networks, said | ({"note": note} if note else {}), facts)


def _require_intact(folder: Path, files: dict[str, str]) -> None:
    for name, expected in files.items():
        if not (folder / name).is_file() or file_hash([folder / name]) != expected:
            raise InputError(f"{folder}: incomplete or damaged compiled bundle: {name}; copy or export it again.")


def file_hash(files: Iterable[Path]) -> str:
    """Of their content, in this order."""
    found = hashlib.blake2b(digest_size=16)
    for path in files:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "blake2b").digest())
    return found.hexdigest()


def network_file(folder: Path, name: str, runtime: str) -> Path:
    return folder / (name + _SUFFIX[runtime])


def _precision(facts: dict[str, Any]) -> tuple[str, str]:
    """That of the arithmetic, and why it is not bfloat16 where the processor has that."""
    from tfcovid.inference.runtime.openvino_network import computes_bfloat16

    if facts["precision"] != "float32" or not computes_bfloat16():
        return facts["precision"], ""
    found = facts["bfloat16"]
    if found is None:
        return "float32", "compiled on a processor without bfloat16, where it could not be tried"
    if not found["holds"]:
        return "float32", f"bfloat16 moves probabilities by {found['largest_difference']:.3f}"
    return "bfloat16", ""


def _network(file: Path, precision: str, by_slice: bool) -> Network:
    if file.suffix == ".tflite":
        from tfcovid.inference.runtime.litert_network import LiteRtNetwork

        return LiteRtNetwork(file)
    from tfcovid.inference.runtime.openvino_network import OpenVinoNetwork

    return OpenVinoNetwork(file, precision, by_slice)
