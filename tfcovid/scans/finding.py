"""What a check found in a scan."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tfcovid.errors import InputError

# name: (severity, what to do about it). An "error" stops the reading unless `allow` names it.
CHECKS = {
    "missing-slices": ("error", "Export the series again in full, or allow it to read on across the gap."),
    "duplicate-positions": (
        "error",
        "Give one phase or reconstruction, or allow it to keep the first slice of each place.",
    ),
    "uneven-spacing": ("warning", "The median distance is used; volumes in ml are approximate."),
    "gantry-tilt": ("warning", "The affine keeps the tilt; a tool that ignores it shows the scan sheared."),
    "non-axial": ("error", "Give the axial series, or allow it to reorder the volume to axial slices."),
    "oblique": ("info", "Axes were taken to the nearest patient axis; the affine keeps the true direction."),
    "mixed-sizes": ("error", "Keep one size in the folder, or allow it to keep the largest group."),
    "mixed-orientation": ("error", "Keep one orientation in the series, or allow it to keep the largest group."),
    "localiser": ("warning", "It was left out; nothing to do."),
    "not-ct": ("error", "Give a CT series, or allow it if the header is wrong and the values are HU."),
    "not-hu": ("error", "Give the scan in Hounsfield units, or allow it to read the values as they are."),
    "inverted-pixels": ("warning", "The values were turned round; look at a slice before trusting a result."),
    "odd-padding": ("warning", "The padding value was not applied; look at a slice before trusting a result."),
    "padding": ("info", "Everything below -1024 HU was set to -1024."),
    "rounded": ("info", "Values were rounded to whole HU."),
    "too-few-slices": ("warning", "Expect a less certain result; give the whole series where there is one."),
    "truncated-file": ("error", "Copy the file again from its source, or allow it to leave the slice out."),
    "unreadable-file": ("error", "Copy the file again or remove it, or allow it to leave the file out."),
    "repeated-files": ("warning", "One copy of each was kept; nothing to do."),
    "other-files": ("info", "They were left alone; nothing to do."),
    "several-series": ("warning", 'Pass series="?" to have them listed and series=UID for another one.'),
    "several-patients": ("error", 'Give one patient\'s folder, or pass series=UID (series="?" lists them).'),
    "no-positions": (
        "error",
        "Export the series with its positions, or allow it to trust the instance numbers and slice thickness.",
    ),
    "no-spacing": ("warning", "Volumes in ml and distances mean nothing; give DICOM or NIfTI for those."),
    "odd-spacing": ("warning", "Check that the header is in millimetres."),
    "no-orientation": ("warning", "Check that the patient is not upside down or mirrored."),
    "upside-down": ("warning", "Look at a slice: the table should be at the bottom; correct the source if not."),
    "forms-differ": ("warning", "The sform is used; rewrite the file if the other one is right."),
    "colour-pixels": ("warning", "Their brightness was taken; give grey images without annotations."),
    "sixteen-bit": ("warning", "Give DICOM or NIfTI where there is one, so that nothing is guessed."),
}


@dataclass(frozen=True)
class Finding:
    """One thing a check noticed.

    name: from CHECKS.
    severity: "error" | "warning" | "info".
    seen: what was noticed, in words. It names no file: files are often named after patients, and this travels on.
    fix: what to do.
    files: names of the files it concerns, for the person at the screen.
    """

    name: str
    severity: str
    seen: str
    fix: str
    files: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What was seen, and in which files."""
        return f"{self.seen.rstrip('.')}: {a_few(self.files)}." if self.files else self.seen

    def __str__(self) -> str:
        return f"{self.severity} {self.name}: {self.message} {self.fix}"


def found(name: str, seen: str, files: Iterable[str] = ()) -> Finding:
    severity, fix = CHECKS[name]
    return Finding(name, severity, seen, fix, tuple(files))


def stop_on_errors(path: Path, findings: list[Finding], allow: frozenset[str]) -> None:
    """Raise an InputError that lists every "error" finding not named in `allow`."""
    errors = [finding for finding in findings if finding.severity == "error" and finding.name not in allow]
    if errors:
        lines = "\n".join(f"  {finding.name}: {finding.message} {finding.fix}" for finding in errors)
        names = sorted({finding.name for finding in errors})
        options = " ".join(f"--allow {name}" for name in names)
        anyway = f"to read it all the same: {options}, or allow={names} in Python"
        raise InputError(f"The scan has faults ({anyway}):\n{lines}\nGot: {path}")


def check_names(names: Iterable[str]) -> frozenset[str]:
    """The names as a set; InputError for a name that is no check's."""
    names = frozenset([names] if isinstance(names, str) else names)
    if unknown := names - CHECKS.keys():
        raise InputError(f"allow= takes the names of checks ({', '.join(CHECKS)}). Got: {sorted(unknown)}")
    return names


def a_few(names: Iterable[str], most: int = 5) -> str:
    """Names for a message: the first few, then how many more."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
