import numpy as np
import scipy

from tfcovid.errors import InputError
from tfcovid.preprocess.bounding_box import bounding_box


def largest_components(lungs: np.ndarray, *, share: float = 0.05) -> np.ndarray:
    """Drops what is too small to be a lung: specks, and a windpipe that hangs on neither lung.

    Voxels that share a face belong together. Kept is every component of at least `share` of the largest one's
    voxels, so a lung that consolidation cuts in two keeps both parts, and a single slice is judged by its areas.

    Args:
        lungs: (slices, height, width), bool.
        share: from 0 (keep all) to 1. A windpipe has 1 to 3 % of the larger lung's volume, a badly collapsed lung
            about 10 %.

    Returns:
        bool of the same shape; empty where `lungs` is empty.

    Raises:
        InputError: not three axes, not bool, or a share outside 0 to 1.
    """
    lungs = require_mask(lungs)
    if not 0 <= share <= 1:
        raise InputError(f"share: give a number from 0 to 1. Received: {share}")
    kept = np.zeros_like(lungs)
    box = bounding_box(lungs)
    number, found = scipy.ndimage.label(lungs[box])
    if found:
        # Slice by slice: counting copies to 64 bits.
        voxels = sum(np.bincount(one.ravel(), minlength=found + 1) for one in number)
        large = voxels >= share * voxels[1:].max()
        large[0] = False
        kept[box] = large[number]
    return kept


def require_mask(mask: np.ndarray) -> np.ndarray:
    """(slices, height, width) of bool, or an InputError that says what else it was."""
    mask = np.asarray(mask)
    if mask.ndim != 3 or mask.dtype != bool:
        raise InputError(
            "A mask must be bool with the axes (slices, height, width); of label numbers, write labels == number. "
            f"Received: {mask.dtype} of shape {mask.shape}"
        )
    return mask
