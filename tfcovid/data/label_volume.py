"""The truth for every voxel of a scan, from the masks of its manifest entry."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfcovid.config.segmenter import INFECTION, LEFT, LUNG, RIGHT
from tfcovid.data.manifest import Entry
from tfcovid.data.mask_values import UNLABELLED, inside_and_unlabelled, read_mask_values
from tfcovid.errors import InputError
from tfcovid.preprocess import split_lungs
from tfcovid.scans import Scan, read_scan

# What a mask may be where a scan may not: it holds no HU, and axes that its scan was allowed are its own as well.
_ALLOWED = ("not-hu", "not-ct", "non-axial")
_OFF = 0.5  # voxels that a mask may lie beside its scan and still have every voxel in the right place


def label_volume(scan: Scan, entry: Entry, labels: Sequence[str]) -> np.ndarray:
    """What each voxel of a scan is, by the masks `entry.lungs` and `entry.lesions`.

    What the numbers of a mask mean follows from `entry.mask_values` or from their values, see
    `tfcovid.data.mask_values`. Left and right are told apart by `split_lungs`, not by the numbers
    of a mask, which data sets give differently. Infection lies over the lungs.

    Args:
        labels: of a segmenter, background first: see `tfcovid.config.segmenter`.

    Returns:
        (slices, height, width) uint8 in the scan's frame: the number of the label, 255 where it is not known.

    Raises:
        InputError: a mask that the labels need is not in the manifest or not on disk, is of another shape or at
            another place than the scan, or has numbers whose meaning is not known.
    """
    result = np.zeros(scan.shape, np.uint8)
    for column, path in needed_masks(entry, labels).items():
        mask = _mask_of(scan, path, column)
        try:
            inside, unknown = mask_regions(mask, column, entry)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        if column == "lesions":
            result[inside] = labels.index(INFECTION)
        elif LUNG in labels:
            result[inside] = labels.index(LUNG)
        else:
            numbers = np.array([0, labels.index(LEFT), labels.index(RIGHT)], np.uint8)
            result = numbers[split_lungs(inside, scan.spacing)]
        if unknown is not None:
            result[unknown] = UNLABELLED
    return result


def mask_regions(mask: Scan, column: str, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
    """Return where the mask of an entry's column is inside and where it is unlabelled, see `inside_and_unlabelled`."""
    meanings = read_mask_values(entry.mask_values or "")
    return inside_and_unlabelled(mask.voxels, column, meanings, picture=not _placed(mask))


def needed_masks(entry: Entry, labels: Sequence[str]) -> dict[str, Path]:
    """Column -> file of the masks that these labels are made of, the lungs first.

    Raises:
        InputError: the manifest names no such mask, or it does not exist.
    """
    columns = {"lungs": {LUNG, LEFT, RIGHT}, "lesions": {INFECTION}}
    needed = {column: getattr(entry, column) for column, names in columns.items() if names & set(labels)}
    for column, path in needed.items():
        wanted = " and ".join(name for name in labels if name in columns[column])
        if path is None:
            raise InputError(
                f"{entry.scan}: the label {wanted} needs a mask; name it in the column {column} of the manifest. "
                "Received: an empty cell"
            )
        if not path.exists():
            raise InputError(f"{entry.scan}: mend the column {column} of the manifest. Received: no such mask: {path}")
    return needed


def _mask_of(scan: Scan, path: Path, column: str) -> Scan:
    """The mask, which covers the same voxels as the scan."""
    mask = read_scan(path, allow=_ALLOWED)
    fix = f"Give the {column} that were drawn on this scan, in its frame."
    if mask.shape != scan.shape:
        raise InputError(f"{path}: the scan has {scan.shape} voxels. {fix} Received: {mask.shape}")
    if off := _off(scan, mask):
        raise InputError(f"{path}: the mask lies elsewhere than its scan. {fix} Received: {off}")
    return mask


def _placed(scan: Scan) -> bool:
    """Whether a file says where in the patient it lies; pictures do not."""
    return not any(finding.name == "no-orientation" for finding in scan.findings)


def _off(scan: Scan, mask: Scan) -> str | None:
    """How a mask lies beside its scan, None where each of its voxels is the scan's."""
    placed = [_placed(one) for one in (scan, mask)]
    if placed == [False, False]:
        return None  # two images, which say nothing of their place
    if not all(placed):
        return f"the place of the {'mask' if placed[0] else 'scan'} is not in its file"
    corners = np.stack(np.meshgrid(*([0, side - 1] for side in scan.shape[::-1]), [1]), -1).reshape(-1, 4)
    seen = corners @ mask.affine.T @ np.linalg.inv(scan.affine).T
    voxels = float(np.abs(seen - corners).max())
    return f"{voxels:.3g} voxels apart" if voxels > _OFF else None
