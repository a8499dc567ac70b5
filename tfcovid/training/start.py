from pathlib import Path


def start_weights(weights):
    """Where training starts: a bundle stands for its slice network, everything else is as `load_weights` takes it."""
    if isinstance(weights, str) and (Path(weights) / "slice.keras").is_file():
        return str(Path(weights) / "slice.keras")
    return weights
