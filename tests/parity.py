import keras
import numpy as np


def report(what: str, peer: str, found, expected) -> float:
    """Prints the largest difference from a peer in the form that `benchmarks/parity.py` collects, and returns it."""
    found, expected = (np.asarray(keras.ops.convert_to_numpy(one), "float64") for one in (found, expected))
    difference = float(np.abs(found - expected).max())
    print(f"parity | {what} | {peer} | {difference:.1e} | {np.abs(expected).max():.2g}")
    return difference
