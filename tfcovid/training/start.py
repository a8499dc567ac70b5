from pathlib import Path

from tfcovid.inference import shipped_bundles


def start_weights(weights):
    """Where training starts: a bundle stands for its slice network, all else is as `load_weights` takes it."""
    if not isinstance(weights, str):
        return weights
    folder = shipped_bundles().get(weights, Path(weights))
    return str(folder / "slice.keras") if (folder / "slice.keras").is_file() else weights
