import numpy as np
import scipy

from tfcovid.preprocess.bounding_box import bounding_box
from tfcovid.preprocess.surface_voxels import surface_voxels


def surface_distances(
    first: np.ndarray, second: np.ndarray, spacing: tuple[float, float, float], known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """How far every surface voxel of one mask is from the other's surface, both ways.

    A surface voxel is inside with a face on the outside; beyond the image is outside. Distances are between the
    centres of voxels.

    Args:
        first, second: (slices, height, width), bool.
        spacing: mm (slice, row, column).
        known: bool of the same shape; a face on an unknown voxel makes no surface. None: all are known.

    Returns:
        Two float64 vectors, mm: of the first's surface voxels and of the second's. Both are empty where either mask
        has no surface.
    """
    # One more voxel on every side: whether that one is known matters too.
    box = tuple(slice(max(0, at.start - 1), at.stop + 1) for at in bounding_box(first | second))
    spacing = np.asarray(spacing, np.float64)
    points = [
        np.argwhere(surface_voxels(mask[box], known if known is None else known[box])) * spacing
        for mask in (first, second)
    ]
    if not all(map(len, points)):
        return np.empty(0), np.empty(0)
    # On surfaces that nearly coincide a tree is faster than a distance transform of the box, and small.
    of_first, of_second = (
        scipy.spatial.KDTree(there, balanced_tree=False, compact_nodes=False).query(here, workers=-1)[0]
        for here, there in (points, points[::-1])
    )
    return of_first, of_second
