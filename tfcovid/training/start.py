from pathlib import Path

from tfcovid.inference import shipped_bundles


def start_weights(weights):
    """Where training starts: a bundle stands for the network of its slices, all else is as `load_weights` takes it."""
    if isinstance(weights, dict):
        return {name: start_weights(one) for name, one in weights.items()}
    if not isinstance(weights, str):
        return weights
    folder = shipped_bundles().get(weights, Path(weights))
    files = (folder / name for name in ("slice.keras", "segment.keras"))
    return next((str(file) for file in files if file.is_file()), weights)
