import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import tfcovid
from tfcovid.inference.bundles import shipped_bundles
from tfcovid.inference.runtime.cache_folder import cache_folder
from tfcovid.inference.runtime.compiled import PACKAGES, file_hash
from tfcovid.inference.runtime.openvino_network import computes_bfloat16

KEPT = 16  # compiled bundles; those used last
_FORM = 2  # changes with what `compile_bundle` writes

_TEMPORARY: list[TemporaryDirectory] = []  # until the process ends, where the cache cannot be written


def is_cached(bundle: Path, runtime: str) -> bool:
    return (_place(bundle, runtime) / "bundle.json").is_file()


def cached(bundle: Path, runtime: str, compile_into: Callable[[Path], Any]) -> tuple[Path, str]:
    """The folder of a bundle compiled for a runtime, compiled where it is not yet; and what is to be said of it.

    It is kept by the content of the bundle and the versions of what compiled it. A cache that cannot be written is no
    error: the bundle is compiled for this process alone.

    Args:
        compile_into: writes the compiled bundle into a folder that is there.
    """
    place = _place(bundle, runtime)
    if (place / "bundle.json").is_file():
        with suppress(OSError):  # somebody else's cache
            os.utime(place)
        return place, ""
    partial = place.with_name(f".partial-{uuid4().hex}")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        _TEMPORARY.append(TemporaryDirectory(prefix="tfcovid"))
        folder = Path(_TEMPORARY[-1].name)
        compile_into(folder)
        return folder, f"compiled for this run alone, for {place.parent} cannot be written ({error.strerror})"
    try:
        compile_into(partial)
        try:
            partial.rename(place)
        except OSError:
            if not place.exists():  # by another process meanwhile
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _drop_old(place.parent)
    return place, ""


def forget(bundle: Path, runtime: str) -> None:
    """Deletes what the cache holds of a bundle."""
    shutil.rmtree(_place(bundle, runtime), ignore_errors=True)


def _drop_old(root: Path) -> None:
    used = sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in used[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _place(bundle: Path, runtime: str) -> Path:
    made = {name: version(name) for name in ("tensorflow", "keras", PACKAGES[runtime])}
    # The lungs that ship go with segmenters that find none.
    parts = [_content(bundle), *(_content(path) for name, path in shipped_bundles().items() if name == "lungs")]
    # bfloat16 is tried where a bundle is compiled.
    held = [_FORM, tfcovid.__version__, runtime, made, parts, runtime == "openvino" and computes_bfloat16()]
    key = hashlib.blake2b(json.dumps(held, sort_keys=True).encode(), digest_size=16).hexdigest()
    return cache_folder() / f"{runtime}-{key}"


def _content(bundle: Path) -> str:
    kinds = {".keras", ".json", ".yaml", ".md"}
    files = sorted(path for path in bundle.rglob("*") if path.suffix in kinds and path.is_file())
    return hashlib.blake2b(json.dumps([_fingerprint(path) for path in files]).encode(), digest_size=16).hexdigest()


def _fingerprint(file: Path) -> Any:
    """Of its content; of Keras's archives by the checksums of their members, for weights may be many gigabytes."""
    if not zipfile.is_zipfile(file):
        return file_hash([file])
    with zipfile.ZipFile(file) as archive:
        return [(one.filename, one.file_size, one.CRC) for one in archive.infolist()]
