from collections.abc import Callable

import keras
import numpy as np


def edge_patient_difference(
    network: keras.Model, run: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], features: np.ndarray
) -> float:
    """The largest difference of an exported patient network from the bundle's, for scans of one slice, two, and all.

    Args:
        features: `(windows, slices, channels)`, of a scan.
    """
    found = []
    for count in sorted({1, min(2, features.shape[1]), features.shape[1]}):
        part = np.ascontiguousarray(features[:, :count])
        expected = network.predict_on_batch({"features": part, "slice_mask": np.ones(part.shape[:2], bool)})
        found.append(np.abs(run({"features": part})["probabilities"] - expected).max())
    return float(max(found))
