import json
import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tfcovid.errors import InputError
from tfcovid.export.evidence import Evidence
from tfcovid.inference import find_bundle, load, load_segmenter
from tfcovid.inference.load import is_segmenter
from tfcovid.notice import RESEARCH_USE
from tfcovid.versions import versions

# Format -> the precisions that it comes in; the first is the default.
FORMATS = {
    "savedmodel": ("float32",),
    "tflite": ("float32", "float16", "dynamic", "int8"),
    "onnx": ("float32",),
    "openvino": ("float32", "int8"),
}


def export_bundle(
    bundle: str | Path,
    to: str,
    output: str | Path,
    evidence: Evidence,
    precisions: Sequence[str] = (),
    tolerance: float | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes a bundle in another form, verified against the bundle in a fresh process, and says so in `export.json`.

    Everything is written to a temporary place beside `output` and moved in when it has been verified: where something
    is at `output`, all of it is.

    Args:
        to: one of `FORMATS`.
        output: a folder that is not there yet; "savedmodel" adds a version to one that is.
        precisions: of `FORMATS[to]`; all where there are none given.
        tolerance: largest difference of any probability that is taken for equal; None for that of the format.

    Returns:
        What `export.json` says.

    Raises:
        InputError: no such bundle, format or precision; something else at `output`; or an export that is not equal to
            its bundle, which leaves nothing behind.
    """
    output = Path(output).resolve()
    if to not in FORMATS:
        raise InputError(f"to: one of {', '.join(FORMATS)}. Received: {to}")
    strange = sorted(set(precisions) - set(FORMATS[to]))
    if strange:
        raise InputError(f"precision: {to} comes in {', '.join(FORMATS[to])}. Received: {strange[0]}")
    folder = find_bundle(bundle)
    system = load_segmenter(folder) if is_segmenter(folder) else load(folder)
    write: Callable = getattr(import_module(f"tfcovid.export.write_{to}"), f"write_{to}")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        facts = {
            "format": to,
            "notice": " ".join(filter(None, (RESEARCH_USE, system.config.notice))),
            "bundle": system.facts,
            "labels": list(system.config.labels),
            "verified_on": evidence.described,
            "versions": versions(),
            **write(system, partial, evidence, tuple(precisions) or FORMATS[to], tolerance, progress),
        }
        (partial / "export.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return facts
