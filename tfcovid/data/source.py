"""The files that a scan is read from."""

import hashlib
import re
from functools import cached_property
from pathlib import Path

from tfcovid.errors import InputError

# A MetaImage or NRRD header whose voxels are in another file.
_DETACHED = re.compile(rb"^(ElementDataFile\s*=(?!\s*LOCAL)|data ?file\s*:)", re.MULTILINE | re.IGNORECASE)


class Source:
    """The files of one scan, and what tells them from those of another.

    Attributes:
        files: name -> path; the scan's own name is left out, so that copies are alike.

    Raises:
        InputError: no such scan.
    """

    def __init__(self, scan: Path):
        if scan.is_dir():
            files = {str(path.relative_to(scan)): path for path in scan.rglob("*") if path.is_file()}
        elif scan.is_file():
            files = {"": scan}
            with scan.open("rb") as opened:
                detached = _DETACHED.search(opened.read(8192))
            if detached:
                # The voxels lie in files beside this header, by names and patterns of several formats: take all.
                files |= {path.name: path for path in scan.parent.iterdir() if path.is_file()}
        else:
            raise InputError(f"no such scan: {scan}")
        self.files = dict(sorted(files.items()))

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Name -> hash of every file."""
        hashes = {}
        for name, path in self.files.items():
            with path.open("rb") as opened:
                hashes[name] = hashlib.file_digest(opened, "sha256").hexdigest()
        return hashes

    @property
    def content(self) -> str:
        """Hash of the files whatever their names."""
        return hashlib.sha256("".join(sorted(self.hashes.values())).encode()).hexdigest()[:32]

    @cached_property
    def bytes(self) -> int:
        return sum(size for _, size, _ in self._stats)

    @property
    def signature(self) -> str:
        """Changes with names, sizes and times, for a guess that need not read the files."""
        return hashlib.sha256(repr(self._stats).encode()).hexdigest()[:32]

    @cached_property
    def _stats(self) -> list[tuple[str, int, int]]:
        stats = {name: path.stat() for name, path in self.files.items()}
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()]
