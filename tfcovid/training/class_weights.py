import numpy as np


def class_weights(targets: np.ndarray, classes: int) -> np.ndarray:
    """Weights of the losses with which every class counts alike and the mean weight of a sample is 1.

    Args:
        targets: `(samples,)` class numbers; negative ones are left out.

    Returns:
        `(classes,)` float32; 1 for a class without samples.
    """
    counts = np.bincount(targets[targets >= 0], minlength=classes).astype(np.float64)
    present = counts > 0
    weights = np.ones(classes)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights.astype(np.float32)
