from pathlib import Path

from tfcovid.errors import InputError


def check_free(bundle: Path, overwrite: bool) -> None:
    """Raises an InputError where a bundle cannot be written: over another thing, or over a bundle unasked."""
    if bundle.exists() and not (bundle / "bundle.json").is_file():
        raise InputError(f"{bundle} is there and is no bundle; choose another name.")
    if bundle.exists() and not overwrite:
        raise InputError(f"{bundle} is there already; overwrite it on purpose or choose another name.")
