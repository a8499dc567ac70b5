"""The files under a folder, by what they hold."""

import os
from pathlib import Path

from tfcovid.scans.sniff import sniff


def collect(folder: Path) -> dict[str | None, list[Path]]:
    """{kind: files at any depth, sorted by path}; hidden files and a Mac's __MACOSX are passed over."""
    kinds: dict[str | None, list[Path]] = {}
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if is_visible(name))
        for name in sorted(filter(is_visible, files)):
            file = Path(root, name)
            kinds.setdefault(sniff(file), []).append(file)
    return kinds


def is_visible(name: str) -> bool:
    return not name.startswith(".") and name not in ("__MACOSX", "Thumbs.db")
