from collections.abc import Iterable

import numpy as np

SIDES = {"left lung": 1, "right lung": 2}


def suspicious_share(
    lesion_map: Iterable[np.ndarray], lungs: np.ndarray, threshold: float = 0.5
) -> dict[str, float | None]:
    """How much of each lung a map marks.

    Args:
        lesion_map: slices, `(height, width)` each, in [0, 1].
        lungs: `(slices, height, width)` uint8, 1 left lung, 2 right lung.
        threshold: a voxel is marked from here on.

    Returns:
        "left lung", "right lung" and "both lungs" -> per cent of its voxels; None for a lung without any.

    Raises:
        ValueError: shapes that differ.
    """
    voxels, marked = np.zeros((2, 3), np.int64)
    for heat, lung in zip(lesion_map, lungs, strict=True):
        if heat.shape != lung.shape:
            raise ValueError(f"map and lungs differ in shape. Received: {heat.shape} and {lung.shape}")
        warm = heat >= threshold
        for n in SIDES.values():
            inside = lung == n
            voxels[n] += np.count_nonzero(inside)
            marked[n] += np.count_nonzero(inside & warm)
    counts = {name: (marked[n], voxels[n]) for name, n in SIDES.items()}
    counts["both lungs"] = marked[1:3].sum(), voxels[1:3].sum()
    return {name: float(100 * part / whole) if whole else None for name, (part, whole) in counts.items()}
