import platform
from importlib.metadata import version

from tfcovid import __version__


def versions() -> dict[str, str]:
    """What a result was made with."""
    return {
        "tfcovid": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
    }
