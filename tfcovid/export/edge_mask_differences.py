import numpy as np


def edge_mask_differences(found: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """How far probabilities `(..., labels)` of an exported segmenter are from the bundle's.

    Returns:
        "pixels": the largest difference. Of a million at the edges of masks some always move far, so it stops no
        export. "mask": pixels that get another label, per cent of all.
    """
    moved = (found.argmax(axis=-1) != expected.argmax(axis=-1)).mean()
    return {"pixels": float(np.abs(found - expected).max()), "mask": 100 * float(moved)}
