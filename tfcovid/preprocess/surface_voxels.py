import numpy as np


def surface_voxels(mask: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """The voxels of a mask that have a face on the outside; beyond the image is outside.

    A single slice has no faces along its normal: its surface is its outline.

    Args:
        mask: (slices, height, width), bool.
        known: bool of the same shape; a face on an unknown voxel makes no surface. None: all are known.
    """
    outside = ~mask if known is None else ~mask & known
    ringed = np.pad(outside, 1, constant_values=True)
    exposed = np.zeros_like(mask)
    for axis in (n for n in range(3) if mask.shape[n] > 1):
        for start in (0, 2):
            neighbour = [slice(1, -1)] * 3
            neighbour[axis] = slice(start, start + mask.shape[axis])
            exposed |= ringed[tuple(neighbour)]
    return mask & exposed
