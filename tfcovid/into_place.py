from collections.abc import Callable
from os import getpid
from pathlib import Path
from threading import get_ident


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
