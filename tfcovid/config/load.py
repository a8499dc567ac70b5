"""Reads a config from YAML and says, where one is wrong, on which line and what was meant."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from tfcovid.config.schema import Config
from tfcovid.config.segmenter import Segmenter
from tfcovid.errors import InputError


def shipped_configs() -> dict[str, Path]:
    """Name -> file of the configs that ship with tfcovid."""
    folder = Path(str(files("tfcovid.configs")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_config(source: str | Path, settings: Sequence[str] = ()) -> Config | Segmenter:
    """Reads a config: of a system, or with `task: segment` of a segmenter alone.

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
    # A kind first: it clears what belongs to the former one, and must not clear what was set for it.
    for setting in sorted(settings, key=lambda setting: not setting.partition("=")[0].endswith(".kind")):
        _set(values, setting)
    root = Segmenter if values.get("task") == "segment" else Config
    try:
        return root.model_validate(values)
    except ValidationError as error:
        given = {setting.partition("=")[0] for setting in settings}
        raise InputError("\n".join(_in_words(root, path, tree, given, one) for one in error.errors())) from error


def write_config(config: Config | Segmenter, path: Path) -> None:
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
        wanted = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InputError(f"the value is not readable as YAML. Received: {setting}") from error
    if last == "kind" and values.get("kind") != wanted:
        values.clear()  # what the former kind had set means nothing to this one
    values[last] = wanted


def _in_words(root: type[BaseModel], path: Path, tree: yaml.Node, given: set[str], problem: Mapping[str, Any]) -> str:
    loc, model, models = _place(root, problem["loc"])
    reason = problem["msg"].removeprefix("Value error, ").replace("tuple", "list").replace("Tuple", "List")
    if problem["type"].startswith("union_tag"):
        loc.append("kind")
    elif problem["type"] == "value_error" and models:
        # What does not fit together is told by the whole; its words begin with the key.
        key, _, rest = reason.partition(": ")
        if key.split(".")[0] in models[0].model_fields:
            loc, reason = [*loc, *key.split(".")], rest
    name = ".".join(map(str, loc))
    line = _line(tree, loc)
    where = f"{path}{f', line {line}' if line else ''}" + f": {name}" * bool(name)
    if any(name == key or name.startswith(f"{key}.") for key in given):
        where = f"--set {name}"
    received = problem["input"]
    kinds = [kind for one in models if "kind" in one.model_fields for kind in _kinds(one)]
    if problem["type"] == "extra_forbidden":
        of_kind = f" of kind {' or '.join(_kinds(model))}" if "kind" in model.model_fields else ""
        return f"{where}: no such key{of_kind}. {_nearest(loc[-1], list(model.model_fields))}"
    if problem["type"] == "literal_error":
        return (
            f"{where}: no such value. {_nearest(str(received), _literals(_field(model, loc)))} Received: {received!r}"
        )
    if problem["type"] == "union_tag_invalid":
        tag = problem["ctx"]["tag"]
        return f"{where}: no such value. {_nearest(tag, kinds)} Received: {tag!r}"
    if problem["type"] == "union_tag_not_found":
        return f"{where}: missing; it says which one. Valid: {', '.join(kinds)}."
    if problem["type"] == "missing":
        return f"{where}: missing; this key has no default."
    if problem["type"] in ("model_type", "model_attributes_type"):
        valid = f"kind, one of {', '.join(kinds)}, and its own" if kinds else ", ".join(models[0].model_fields)
        return f"{where}: not a value but a mapping of keys: {valid}. Received: {received!r}"
    return f"{where}: {reason}." + ("" if isinstance(received, dict) else f" Received: {received!r}")


def _nearest(word: str, valid: Sequence[str]) -> str:
    near = get_close_matches(word, valid, 1, cutoff=0.5)
    return (f"Did you mean '{near[0]}'? " if near else "") + f"Valid: {', '.join(valid)}."


def _place(
    root: type[BaseModel], loc: Sequence[str | int]
) -> tuple[list[str | int], type[BaseModel], list[type[BaseModel]]]:
    """The keys of a fault as in the file, the part that should hold the last of them, the parts that it may hold."""
    keys, holder, models = [], root, [root]
    for key in loc:
        if len(models) > 1:
            # pydantic puts the kind that was chosen behind the key that holds it,
            models = [one for one in models if key in _kinds(one)]
            continue
        if not models and key in ("str", "dict[str,str]"):
            continue  # and the type that it tried behind one that may hold several.
        keys.append(key)
        if isinstance(key, str) and models:
            holder = models[0]
            models = _models(_field(holder, keys))
    return keys, holder, models


def _field(model: type[BaseModel], keys: Sequence[str | int]) -> Any:
    name = next(key for key in reversed(keys) if isinstance(key, str))
    return model.model_fields[name].annotation if name in model.model_fields else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [part for part in (annotation, *get_args(annotation)) if hasattr(part, "model_fields")]


def _kinds(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation)


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
