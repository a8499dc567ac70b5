import os
from pathlib import Path


def cache_folder() -> Path:
    """Where compiled bundles are kept: `$TFCOVID_CACHE`, by default `~/.cache/tfcovid`."""
    return Path(os.environ.get("TFCOVID_CACHE") or Path.home() / ".cache" / "tfcovid")
