"""What a file is, by its first bytes."""

import gzip
import zlib
from pathlib import Path

IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
VOLUMES = ("nifti", "nrrd", "metaimage")


def sniff(path: Path) -> str | None:
    """ "dicom", "nifti", "nrrd", "metaimage", "image" or "zip"; None for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(352)
    except OSError:  # a dangling link, a file one may not read
        return None
    if head.startswith(b"\x1f\x8b"):
        return "nifti" if _is_nifti(_first_unzipped(path)) else None
    if head[128:132] == b"DICM" or _is_dicom_without_preamble(head):
        # The index of a CD, not an image.
        return None if path.name.upper() == "DICOMDIR" else "dicom"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(IMAGE_STARTS):
        return "image"
    if head.startswith(b"NRRD000"):
        return "nrrd"
    if head.startswith((b"ObjectType = Image", b"NDims = ")):
        return "metaimage"
    return "nifti" if _is_nifti(head) else None


def _first_unzipped(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(352)
    except (OSError, EOFError, zlib.error):
        return b""


def _is_nifti(head: bytes) -> bool:
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def _is_dicom_without_preamble(head: bytes) -> bool:
    """Old files start with their first element: group 0002 or 0008, little endian, an explicit or implicit VR."""
    if len(head) < 16 or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    return head[4:6] in (b"UL", b"CS", b"UI", b"OB") or (head[4] <= 128 and head[5:8] == b"\0\0\0")
