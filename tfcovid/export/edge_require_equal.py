from collections.abc import Mapping

from tfcovid.errors import InputError

_CHECKED = {
    "scan": "the probabilities of the scan differ",
    "slices": "the probabilities of a slice differ",
    "patient": "the probabilities of the patient network differ",
    "mask": "the pixels with another label, in per cent, differ",
}


def edge_require_equal(differences: Mapping[str, float], limit: float, precision: str) -> None:
    """Lets no export pass that is not equal to its bundle; what is a map for the eye is not looked at.

    Raises:
        InputError: one that differs by more than `limit`, or by no number at all.
    """
    for name, words in _CHECKED.items():
        found = differences.get(name, 0.0)
        if not found <= limit:
            raise InputError(
                f"{precision}: {words} from the bundle's by more than {limit:g}, so nothing is exported. Leave "
                f"{precision} out (--precision), give scans as it will meet them (--scan, --manifest), or say what "
                f"difference is small enough (--tolerance). Received: {found:.3g}"
            )
