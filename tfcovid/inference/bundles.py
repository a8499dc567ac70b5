"""Where a bundle lies: a folder, or the name of one that ships."""

from importlib.resources import files
from pathlib import Path

from tfcovid.errors import InputError


def shipped_bundles() -> dict[str, Path]:
    """Name -> folder of the bundles that ship with tfcovid."""
    return {path.parent.name: path.parent for path in Path(str(files("tfcovid.saved_models"))).glob("*/bundle.json")}


def find_bundle(bundle: str | Path) -> Path:
    """The folder of a bundle, given as such or by the name of one that ships with tfcovid.

    Raises:
        InputError: not a bundle.
    """
    folder = Path(bundle)
    # A folder that is no bundle does not stand in the way of a name: `tfcovid demo` makes a folder "demo".
    found = folder if (folder / "bundle.json").is_file() else shipped_bundles().get(str(bundle), folder)
    if not (found / "bundle.json").is_file():
        raise InputError(
            f"not a bundle: `tfcovid train` writes one, a folder with bundle.json. "
            f"Shipped, by name: {', '.join(shipped_bundles()) or 'none'}. Received: {bundle}"
        )
    return found
