"""What was trained: bundles and unfinished runs, as lists and side by side."""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tfcovid.errors import InputError

_STAGES = ("slice", "patient", "segment")
_ABSENT = "-"


@dataclass(frozen=True)
class Run:
    """A bundle, or the folder of a run that is not finished.

    Attributes:
        started: ISO date and time; None for bundles that did not note it.
        epochs: trained so far, by stage.
        figures: of validation; those of whole scans where the bundle has them, else those of its last stage.
        seconds: all of them; of a run that was resumed, those of its last part.
        config: flat, each key with its dots.
    """

    folder: Path
    name: str
    finished: bool
    started: str | None = None
    epochs: dict[str, int] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    data_sha256: str | None = None
    config: dict[str, Any] = field(default_factory=dict)


def list_runs(folders: Sequence[str | Path]) -> list[Run]:
    """The runs in and below some folders, in the order of their paths. A bundle inside a bundle is part of that one.

    Raises:
        InputError: no such folder, or a bundle that is not readable.
    """
    found = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise InputError(f"no such folder. Received: {folder}")
        found |= {path.resolve(): path for path in _below(folder)}
    return [_read(path) for path in sorted(found.values())]


def is_run(folder: str | Path) -> bool:
    """Whether a folder is a bundle or an unfinished run itself."""
    folder = Path(folder)
    return (folder / "bundle.json").is_file() or (folder.suffix == ".work" and (folder / "run.json").is_file())


def compare_runs(runs: Sequence[Run]) -> list[list[str]]:
    """A row for each setting in which runs differ, for their data if they do, and for each figure: name, then values.

    What a run does not have, such as a setting of a later version, is "-".
    """
    keys = sorted({key for run in runs for key in run.config})
    settings = [[key, *(_text(run.config.get(key, _ABSENT)) for run in runs)] for key in keys]
    settings.append(["data_sha256", *(run.data_sha256 or _ABSENT for run in runs)])
    rows = [row for row in settings if len(set(row[1:])) > 1]
    for stage in _STAGES:
        if any(stage in run.epochs for run in runs):
            rows.append([f"{stage} epochs", *(str(run.epochs.get(stage, _ABSENT)) for run in runs)])
    for name in dict.fromkeys(name for run in runs for name in run.figures):
        rows.append([name, *(f"{run.figures[name]:.4g}" if name in run.figures else _ABSENT for run in runs)])
    return rows


def write_runs(runs: Sequence[Run], path: Path) -> None:
    """Writes one row a run: what it is, and each figure that any of them has."""
    figures = list(dict.fromkeys(name for run in runs for name in run.figures))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        own = ["folder", "name", "finished", "started", *(f"{stage}_epochs" for stage in _STAGES)]
        writer.writerow([*own, "seconds", "data_sha256", *figures])
        for run in runs:
            epochs = [run.epochs.get(stage) for stage in _STAGES]
            facts = [run.folder, run.name, run.finished, run.started, *epochs, run.seconds, run.data_sha256]
            writer.writerow([*facts, *(run.figures.get(name) for name in figures)])


def _below(folder: Path) -> Iterator[Path]:
    for parent, inside, _ in os.walk(folder):
        if is_run(parent):
            yield Path(parent)
            inside.clear()
        # A store holds many files and no run.
        inside[:] = [name for name in inside if not name.startswith(".") and not name.endswith(".store")]


def _read(folder: Path) -> Run:
    finished = (folder / "bundle.json").is_file()
    facts = _json(folder / "bundle.json") if finished else {}
    run = _json(folder / "run.json") if (folder / "run.json").is_file() else {}
    config = run.get("config") or _yaml(folder / "config.yaml")
    logs = {stage: folder / (f"{stage}_log.csv" if finished else f"{stage}/log.csv") for stage in _STAGES}
    rows = {stage: _rows(log) for stage, log in logs.items() if log.is_file()}
    seconds = run.get("timings_s")
    data = run.get("data_sha256", run.get("data"))
    return Run(
        folder,
        facts.get("name") or config.get("name") or folder.stem,
        finished,
        run.get("started") if finished else _begun(folder / "run.json"),
        {stage: len(found) for stage, found in rows.items()},
        _figures(facts, rows),
        round(sum(seconds.values()), 1) if seconds else None,
        data if isinstance(data, str) else None,
        flat(config),
    )


def _begun(note: Path) -> str:
    return datetime.fromtimestamp(note.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _figures(facts: dict[str, Any], rows: dict[str, list[dict[str, str]]]) -> dict[str, float]:
    whole = facts.get("validation_scans") or facts.get("out_of_fold", {})
    found = {name: one[0] for name, one in whole.items() if isinstance(one, list)}
    if found:
        return found
    # Of the epoch that was kept, or of an unfinished run the last there is.
    stages = facts.get("validation") or {stage: found[-1] for stage, found in rows.items() if found}
    if not stages:
        return {}
    stage = list(stages)[-1]
    return {
        f"{stage} {name.removeprefix('val_')}": float(value)
        for name, value in stages[stage].items()
        if name.startswith("val_") and value
    }


def flat(config: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Nested mappings as one, each key with those above it and dots between."""
    found = {}
    for key, value in config.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) and value else {f"{above}{key}": value}
    return found


def _text(value: Any) -> str:
    # 1 and 1.0 are one setting.
    return value if isinstance(value, str) else json.dumps(json.loads(json.dumps(value), parse_float=_shortest))


def _shortest(number: str) -> int | float:
    value = float(number)
    return int(value) if value.is_integer() else value


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON; the run is damaged. Received: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: not what tfcovid writes there. Received: {type(found).__name__}")
    return found


def _yaml(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found if isinstance(found, dict) else {}


def _rows(log: Path) -> list[dict[str, str]]:
    with log.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
