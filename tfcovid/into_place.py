import shutil
from collections.abc import Callable, Sequence
from os import getpid
from pathlib import Path
from threading import get_ident

from tfcovid.errors import InputError


def into_place(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` make a file under a temporary name beside `path` and moves it there: whole or not at all.

    The temporary name begins with ".partial-" and keeps the extension, from which some writers know the format. It
    holds the process and the thread: two that write the same file do not get in each other's way.
    """
    partial = path.with_name(f".partial-{getpid()}-{get_ident()}-{path.name}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def folder_into_place(
    folder: str | Path, write: Callable[[Path], object], known: Sequence[str], overwrite: bool = False
) -> Path:
    """Lets `write` fill a folder of a temporary name and moves it, or what is in it, to `folder`.

    Args:
        known: names of all that `write` may make, files and folders. The first is always made, and comes last: where
            it is, all of them are.
        overwrite: replace what an earlier call left.

    Raises:
        InputError: the folder holds other things, or something already and `overwrite` is not given.
    """
    folder = Path(folder).resolve()  # "." has no name to put a temporary one beside
    check_folder(folder, known, overwrite)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if not folder.exists():
        partial.rename(folder)
        return folder
    for name in known:
        _remove(folder / name)
    for name in reversed(known):
        if (partial / name).exists():
            (partial / name).replace(folder / name)
    partial.rmdir()
    return folder


def check_folder(folder: Path, known: Sequence[str], overwrite: bool = False) -> None:
    """Raises the InputError that `folder_into_place` would, for those who have work to do first."""
    if not folder.exists():
        return
    foreign = [p.name for p in folder.iterdir() if p.name not in known] if folder.is_dir() else [folder.name]
    if foreign:
        raise InputError(f"{folder} holds other things than such a result ({foreign[0]}); choose another folder.")
    if any(folder.iterdir()) and not overwrite:
        raise InputError(f"{folder} holds a result already; overwrite it on purpose or choose another folder.")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
