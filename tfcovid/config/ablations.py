"""Variants of a config that are trained and compared in one table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from tfcovid.config.load import load_config
from tfcovid.config.part import Part
from tfcovid.config.schema import Config
from tfcovid.config.segmenter import Segmenter
from tfcovid.errors import InputError


class _File(Part):
    config: str
    set: dict[str, Any] = Field({})
    columns: dict[str, str] = Field({})
    reference: str | None = None
    variants: Annotated[dict[str, dict[str, Any]], Field(min_length=2)]


@dataclass(frozen=True)
class Ablations:
    """Variants of one config.

    Attributes:
        variants: name -> config, in the order of the table.
        settings: name -> what it changes, common settings included, as `load_config` takes them.
        ticks: name -> title of a column -> whether the variant has it.
        reference: the variant that the others are compared with.
    """

    variants: dict[str, Config]
    settings: dict[str, list[str]]
    ticks: dict[str, dict[str, bool]]
    reference: str


def shipped_ablations() -> dict[str, Path]:
    """Name -> file of the ablations that ship with tfcovid."""
    folder = Path(str(files("tfcovid.configs"))) / "ablations"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_ablations(source: str | Path, settings: Sequence[str] = ()) -> Ablations:
    """Reads ablations: a YAML file, or the name of one that ships with tfcovid (`m3lung_slices`).

    Its keys: `config`, a file beside it or the name of a shipped config; `set`, settings of all variants, such as
    `slice_training.epochs: 2`; `variants`, name -> its own settings; `columns`, title -> a key of the config, which
    makes a tick where it holds something, or `key=value`, a tick where it holds that; `reference`, the variant that
    the others are compared with, the last by default.

    Args:
        settings: further ones of all variants, over those of the file, such as "slice_training.epochs=2".

    Raises:
        InputError: no such file, a wrong key or value in it, or a variant whose config is none.
    """
    shipped = shipped_ablations()
    path = Path(source)
    if not path.is_file():
        if str(source) not in shipped:
            raise InputError(
                f"no file or shipped ablations of that name; shipped: {', '.join(shipped)}. Received: {source}"
            )
        path = shipped[str(source)]
    try:
        file = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as YAML: {getattr(error, 'problem', error)}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        keys = ", ".join(_File.model_fields)
        raise InputError(f"{path}: {where}: {first['msg']}. Keys: {keys}. Received: {first['input']!r}") from error
    reference = file.reference or list(file.variants)[-1]
    if reference not in file.variants:
        raise InputError(f"{path}: reference: one of the variants: {', '.join(file.variants)}. Received: {reference}")
    beside = path.parent / file.config
    words = {}
    for name, own in file.variants.items():
        said = [f"{key}={json.dumps(value)}" for key, value in {**file.set, **own}.items()]
        last = {one.partition("=")[0]: one for one in (*said, *settings)}
        words[name] = list(last.values())
    variants = {name: _variant(path, beside if beside.is_file() else file.config, name, words[name]) for name in words}
    flat = {name: config.model_dump(mode="json") for name, config in variants.items()}
    for title, column in file.columns.items():
        if not any(_has(config, column.partition("=")[0]) for config in flat.values()):
            raise InputError(f"{path}: columns.{title}: no variant has this key. Received: {column}")
    ticks = {
        name: {title: _tick(config, column) for title, column in file.columns.items()} for name, config in flat.items()
    }
    return Ablations(variants, words, ticks, reference)


def _variant(path: Path, source: str | Path, name: str, settings: list[str]) -> Config:
    try:
        config = load_config(source, settings)
    except InputError as error:
        raise InputError(f"{path}: variant {name}: {error}") from error
    if isinstance(config, Segmenter):
        raise InputError(f"{path}: config: a system that diagnoses is needed. Received: the segmenter {config.name}")
    return config


def _value(config: Any, key: str) -> Any:
    for part in key.strip().split("."):
        config = config[part]
    return config


def _has(config: Any, key: str) -> bool:
    try:
        _value(config, key)
    except (KeyError, TypeError):
        return False
    return True


def _tick(config: Any, column: str) -> bool:
    key, equals, wanted = column.partition("=")
    if not _has(config, key):
        return False
    found = _value(config, key)
    return found == yaml.safe_load(wanted) if equals else bool(found)
