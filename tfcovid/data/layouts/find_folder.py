import os
from pathlib import Path

from tfcovid.errors import InputError

_DEPTH = 3  # archives are often unpacked into folders of their own


def find_folder(folder: str | Path, *names: str, needed: bool = True) -> Path | None:
    """The folder of one of these names, whatever their case, in or up to three levels below `folder`.

    Raises:
        InputError: no such folder, or none of these names in it while one is `needed`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    level = [folder]
    for _ in range(_DEPTH):
        level = [Path(child) for parent in level for child in sorted(os.scandir(parent), key=_name) if child.is_dir()]
        for path in level:
            if path.name.lower() in {name.lower() for name in names}:
                return path
    if needed:
        raise InputError(f"{folder}: no folder {' or '.join(names)} in it. Is this the right layout?")
    return None


def _name(entry: os.DirEntry) -> str:
    return entry.name
