"""Every scan under a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from tfcovid.errors import InputError
from tfcovid.scans.collect import is_visible
from tfcovid.scans.sniff import VOLUMES, sniff


def find_scans(folder: str | Path) -> list[Path]:
    """Sorted paths, each of which read_scan takes as one scan: folders that directly hold DICOM files, NIfTI, NRRD,
    MHA and zip files, and folders that directly hold images. No pixel is decoded.

    A folder that is a scan is not searched further, so a top folder with DICOM or images in it is the one scan.
    Images beside scan files are taken for previews. Raises InputError if `folder` is no folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"Give a folder to look for scans in. Got: {folder}")
    return sorted(_scans_under(folder))


def _scans_under(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        volumes, has_image, is_series = [], False, False
        for name in sorted(filter(is_visible, files)):
            kind = sniff(file := Path(root, name))
            if kind == "dicom":
                is_series = True
                break
            has_image = has_image or kind == "image"
            if kind in (*VOLUMES, "zip"):
                volumes.append(file)
        if is_series or (has_image and not volumes):
            folders.clear()
            yield Path(root)
        else:
            folders[:] = [name for name in folders if is_visible(name)]
            yield from volumes
