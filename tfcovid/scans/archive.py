"""A zip of a scan, unpacked for as long as it is read."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from tfcovid.errors import InputError

LARGEST = 16 * 2**30  # bytes unpacked: several times the largest chest CT


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A temporary folder with the archive's files, gone when the block ends; errors raised in the block name the
    archive and not that folder.

    Raises InputError for a damaged or encrypted archive, one that unpacks to over 16 GiB and one with a member that
    would land outside its folder.
    """
    with TemporaryDirectory(prefix="tfcovid-") as temporary:
        folder = Path(temporary)
        try:
            with zipfile.ZipFile(path) as archive:
                _refuse_unsafe(archive, path)
                archive.extractall(folder)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
            raise InputError(
                f"{path}: the zip is damaged, encrypted or in a rare method. Pack it again. Got: {error}"
            ) from error
        try:
            yield folder
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(path))) from error


def _refuse_unsafe(archive: zipfile.ZipFile, path: Path) -> None:
    members = archive.infolist()
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or any(":" in part for part in name.parts[:1]):
            raise InputError(f"{path}: a member of the zip leads outside it. Got: {member.filename!r}")
    if (size := sum(member.file_size for member in members)) > LARGEST:
        raise InputError(f"{path}: the zip unpacks to more than {LARGEST} bytes. Give the folder. Got: {size} bytes")
