import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from tfcovid.config import Segmenter, load_config
from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import Decide, Predictions, read_predictions
from tfcovid.evaluation.read_cases import read_cases
from tfcovid.evaluation.same_names import same_names


class _Read(NamedTuple):
    predictions: Predictions
    notes: list[str]
    decide: Decide | None = None


def read_systems(
    sources: Mapping[str, str | Path], level: str = "scan", labels: Sequence[str] | None = None
) -> tuple[dict[str, Predictions], list[str]]:
    """What systems said, with the truth, for a comparison: the same cases bear the same names, see `same_names`.

    Args:
        sources: name of a system -> a CSV of predictions with the truth in it, see `read_cases`; a folder that
            `tfcovid evaluate -o` wrote; or a bundle (its folder, or the name of one that ships), for its validation
            scans. These have no names: those of bundles are told to be the same where the bundles saw the same data.
        level: "slice", "scan" or "patient". Scans are first matched, and then averaged over each patient.
        labels: of CSVs, the negative one first; by default as the other systems have them.

    Returns:
        The predictions, and what there is to know of them, in words.

    Raises:
        InputError: none of these, or predictions of another level.
    """
    paths = {name: _shipped(source) for name, source in sources.items()}
    tables = [name for name, path in paths.items() if path.is_file()]
    read = {name: _folder(path, level) for name, path in paths.items() if name not in tables}
    if labels is None and read:
        labels = next(iter(read.values())).predictions.labels
    for name in tables:
        read[name] = _table(paths[name], level, labels)
    read = {name: read[name] for name in sources}
    notes = [f"{name}: {note}" for name, one in read.items() for note in one.notes]
    systems = {name: one.predictions for name, one in read.items()}
    if len({one.level for one in systems.values()}) == 1:
        systems, more = same_names(systems)
        notes += more
    if level == "patient":
        systems = {
            name: one if one.level == "patient" else one.by_patient(read[name].decide) for name, one in systems.items()
        }
    return systems, notes


def _shipped(source: str | Path) -> Path:
    """As `tfcovid.inference.find_bundle`, which would import TensorFlow."""
    path, shipped = Path(source), Path(str(files("tfcovid.saved_models"))) / str(source)
    known = path.is_file() or any((path / name).is_file() for name in ("bundle.json", "evaluation.json"))
    return shipped if not known and len(path.parts) == 1 and (shipped / "bundle.json").is_file() else path


def _table(path: Path, level: str, labels: Sequence[str] | None) -> _Read:
    return _Read(*read_cases(path, None, "slice" if level == "slice" else "scan", labels))


def _folder(folder: Path, level: str) -> _Read:
    if (folder / "bundle.json").is_file():
        return _bundle(folder, level)
    if (folder / "evaluation.json").is_file():
        return _evaluation(folder, level)
    raise InputError(
        "no predictions: a CSV with the truth in it, a folder of `tfcovid evaluate BUNDLE MANIFEST -o FOLDER`, or a "
        f"bundle is needed. Received: {folder}"
    )


def _evaluation(folder: Path, level: str) -> _Read:
    written = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["levels"][0]
    labels, kind = written["labels"], written["level"]
    if level == "slice" and kind != "slice":
        if not (folder / "slices.csv").is_file():
            raise InputError(f"{folder} has no slices: their labels were not known. Received: --level slice")
        return _table(folder / "slices.csv", level, labels)
    if level != kind and (level, kind) != ("patient", "scan"):
        raise InputError(f"{folder} is an evaluation of {kind}s; evaluate again with --level {level}.")
    found, notes, _ = _table(folder / "predictions.csv", level, labels)
    return _Read(replace(found, level=kind), notes)


def _bundle(folder: Path, level: str) -> _Read:
    if not (folder / "validation.csv").is_file():
        raise InputError(
            f"{folder} had no validation scans; take what `tfcovid evaluate {folder} MANIFEST -o OUT` writes."
        )
    if level == "slice":
        raise InputError(f"{folder} knows its validation by scans. Received: --level slice")
    facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    # Numbers stand for scans and patients, and mean the same only where the data are the same.
    runs = [folder / "run.json", *(folder / "members" / name / "run.json" for name in facts.get("members", ()))]
    known = {json.loads(run.read_text(encoding="utf-8"))["data_sha256"] for run in runs if run.is_file()}
    data = known.pop() if len(known) == 1 and "out_of_fold" not in facts else str(folder.resolve())
    config = load_config(folder / "config.yaml")
    if isinstance(config, Segmenter):
        raise InputError(f"{folder} outlines {', '.join(config.labels[1:])} and makes no diagnosis to compare.")
    found = Predictions.from_rows(read_predictions(folder / "validation.csv"), config.labels)
    found = replace(
        found,
        cases=tuple(f"{data}#{case}" for case in found.cases),
        patients=tuple(f"{data}#{patient}" for patient in found.patients),
    )
    notes = [
        f"labels: {found.labels[0]} (negative), {', '.join(found.labels[1:])}",
        "its own validation, by which its weights may have been chosen, which flatters them",
    ]
    return _Read(found, notes, config.decide)
