"""Reads a config from YAML and says, where one is wrong, on which line and what was meant."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from tfcovid.config.schema import Config
from tfcovid.errors import InputError


def shipped_configs() -> dict[str, Path]:
    """Name -> file of the configs that ship with tfcovid."""
    folder = Path(str(files("tfcovid.configs")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_config(source: str | Path, settings: Sequence[str] = ()) -> Config:
    """Reads a config.

    Args:
        source: a YAML file, or the name of a config that ships with tfcovid (`m3lung`).
        settings: changes such as "slice_training.epochs=2", each value in YAML.

    Raises:
        InputError: no such config, or a wrong key or value; with file, line, key and the nearest valid one.
    """
    shipped = shipped_configs()
    path = Path(source)
    if not path.is_file():
        if str(source) not in shipped:
            near = get_close_matches(str(source), shipped, 1)
            raise InputError(
                f"no config file or shipped config of that name; shipped: {', '.join(shipped)}."
                + (f" Did you mean {near[0]}?" if near else "")
                + f" Received: {source}"
            )
        path = shipped[str(source)]
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"))
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise InputError(f"{path}{line}: not readable as YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: a config is a YAML mapping of keys to values. Received: {type(values).__name__}")
    for setting in settings:
        _set(values, setting)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        given = {setting.partition("=")[0] for setting in settings}
        raise InputError("\n".join(_in_words(path, tree, given, problem) for problem in error.errors())) from error


def write_config(config: Config, path: Path) -> None:
    """Writes every value of a config, defaults too, as YAML that `load_config` reads back equal."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=100)
    path.write_text(text, encoding="utf-8")


def _set(values: dict, setting: str) -> None:
    keys, equals, value = setting.partition("=")
    if not equals:
        raise InputError(f"a setting is key=value, such as slice_training.epochs=2. Received: {setting}")
    *parents, last = keys.split(".")
    for key in parents:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise InputError(f"'{key}' holds a value, not further keys. Received: {setting}")
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InputError(f"the value is not readable as YAML. Received: {setting}") from error


def _in_words(path: Path, tree: yaml.Node, given: set[str], problem: Mapping[str, Any]) -> str:
    keys = [key for key in problem["loc"] if isinstance(key, str)]
    line = _line(tree, problem["loc"])
    name = ".".join(map(str, problem["loc"])) or "config"
    where = f"{path}{f', line {line}' if line else ''}: {name}"
    if any(name == key or name.startswith(f"{key}.") for key in given):
        where = f"--set {name}"
    received = problem["input"]
    if problem["type"] == "extra_forbidden":
        valid = list(_model_at(keys[:-1]).model_fields)
        return f"{where}: no such key. {_nearest(keys[-1], valid)}"
    if problem["type"] == "literal_error":
        valid = _literals(_model_at(keys[:-1]).model_fields[keys[-1]].annotation)
        return f"{where}: no such value. {_nearest(str(received), valid)} Received: {received!r}"
    if problem["type"] == "missing":
        return f"{where}: missing; this key has no default."
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {reason}." + ("" if isinstance(received, dict) else f" Received: {received!r}")


def _nearest(word: str, valid: Sequence[str]) -> str:
    near = get_close_matches(word, valid, 1, cutoff=0.5)
    return (f"Did you mean '{near[0]}'? " if near else "") + f"Valid: {', '.join(valid)}."


def _model_at(keys: Sequence[str]) -> type[BaseModel]:
    model = Config
    for key in keys:
        annotation = model.model_fields[key].annotation
        model = next(part for part in (annotation, *get_args(annotation)) if hasattr(part, "model_fields"))
    return model


def _literals(annotation: Any) -> list[str]:
    if not get_args(annotation):
        return [str(annotation)] if isinstance(annotation, str) else []
    return [word for part in get_args(annotation) for word in _literals(part)]


def _line(node: yaml.Node, loc: Sequence[str | int]) -> int | None:
    """The line of the key at `loc`, of its nearest parent that is in the file otherwise."""
    line = None
    for key in loc:
        if isinstance(node, yaml.MappingNode):
            found = [(name, value) for name, value in node.value if name.value == key]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
    return line
