import json
import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tfcovid.errors import InputError
from tfcovid.export.evidence import Evidence
from tfcovid.inference import find_bundle, load, load_segmenter
from tfcovid.inference.load import is_compiled, is_segmenter
from tfcovid.notice import RESEARCH_USE
from tfcovid.versions import versions

# Format -> the precisions that it comes in; the first is the default.
FORMATS = {
    "savedmodel": ("float32",),
    "tflite": ("float32", "float16", "dynamic", "int8"),
    "onnx": ("float32",),
    "openvino": ("float32",),
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
    if is_compiled(folder):
        raise InputError(f"{bundle} is an export itself: give the bundle that it was made from.")
    system = load_segmenter(folder) if is_segmenter(folder) else load(folder)
    _check_output(output, to, system.config.name)
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
        facts["bytes"] = sum(file.stat().st_size for file in partial.rglob("*") if file.is_file())
        if to == "savedmodel" and output.exists():
            facts["version"] = _next_version(partial, output, facts["model"])
        _write_json(partial / "export.json", facts)
        if output.exists():
            _add_version(partial, output, facts)
        else:
            partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return facts


def _check_output(output: Path, to: str, model: str) -> None:
    if not output.exists():
        return
    if to != "savedmodel":
        raise InputError(f"{output} is there already; choose another folder.")
    try:
        there = json.loads((output / "export.json").read_text(encoding="utf-8"))
        known = f"format {there['format']} of {there['model']}"
    except (OSError, ValueError, KeyError, TypeError):
        known = "something else"
    if known != f"format {to} of {model}":
        raise InputError(
            f"{output} is there already: a version can be added to an export of format {to} of {model}; choose another "
            f"folder. Received: {known}"
        )


def _next_version(partial: Path, output: Path, model: str) -> int:
    """Gives the version in `partial` the number above those in `output`."""
    versions_there = [int(one.name) for one in (output / model).glob("*") if one.name.isdecimal()]
    version = max(versions_there, default=0) + 1
    (partial / model / "1").rename(partial / model / str(version))
    return version


def _add_version(partial: Path, output: Path, facts: dict[str, Any]) -> None:
    """A server that watches `output` loads the version when it is there, which is at once and whole."""
    model, version = facts["model"], str(facts["version"])
    (partial / model / version).rename(output / model / version)
    for file in partial.glob("*.*"):
        file.replace(output / file.name)


def _write_json(file: Path, facts: dict[str, Any]) -> None:
    file.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
