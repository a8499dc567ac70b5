import numpy as np


def bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """The smallest box that holds every True voxel of `(slices, height, width)`; empty slices where there is none."""
    plane = mask.any(axis=0)
    present = mask.any(axis=(1, 2)), plane.any(axis=1), plane.any(axis=0)
    found = [np.flatnonzero(along) for along in present]
    return tuple(slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0) for at in found)
