"""A CT scan in memory."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans.finding import Finding
from tfcovid.scans.orientation import Frame, spacing_of


@dataclass(frozen=True, repr=False)
class Scan:
    """A chest CT in the canonical frame: slices feet to head, rows front to back, columns right to left.

    voxels: (slices, height, width), int16 HU of at least -1024, or uint8 grey levels.
    spacing: (slice, row, column) in mm.
    affine: 4x4, from (column, row, slice, 1) to the patient's LPS+ millimetres; ITK's convention.
    units: "HU" or "8-bit".
    key: hex digest that names the scan without naming the patient.
    sources: the files it was read from.
    findings: what the checks noticed.
    frame: how to get back to the file's own array axes.
    identity: the patient's and the study's DICOM fields, kept only where asked for.
    """

    voxels: np.ndarray = field(compare=False)
    spacing: tuple[float, float, float]
    affine: np.ndarray = field(compare=False)
    units: str
    key: str
    sources: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = ()
    frame: Frame | None = field(default=None, compare=False)
    identity: dict[str, str] | None = field(default=None, compare=False)

    @classmethod
    def from_array(
        cls,
        voxels: np.ndarray,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        affine: np.ndarray | None = None,
        units: str = "HU",
        findings: tuple[Finding, ...] = (),
    ) -> "Scan":
        """A scan of an array that is canonical already: (slices, height, width), int16 HU or uint8.

        spacing: (slice, row, column) in mm, used where no affine is given.
        affine: 4x4 from (column, row, slice, 1) to LPS+ mm.

        Raises InputError for another dtype, another number of axes or an affine that is not canonical.
        """
        wanted = {"HU": np.int16, "8-bit": np.uint8}
        if units not in wanted:
            raise InputError(f'units must be "HU" or "8-bit". Got: {units!r}')
        if voxels.ndim != 3 or voxels.dtype != wanted[units]:
            raise InputError(
                f"voxels must be (slices, height, width) of {wanted[units].__name__} for units {units!r}. "
                f"Got: {voxels.dtype} of shape {voxels.shape}"
            )
        if affine is None:
            affine = np.diag([*spacing[::-1], 1.0])
        affine = np.asarray(affine, np.float64)
        if affine.shape != (4, 4):
            raise InputError(f"affine must be 4 x 4. Got: {affine.shape}")
        along_array = affine[:, [2, 1, 0, 3]]
        frame = Frame.nearest(voxels.shape, along_array, slices_first=True)
        if frame.order != (0, 1, 2) or any(frame.flips):
            raise InputError(
                "affine must lead right to left along columns, front to back along rows and feet to head along "
                f"slices (LPS+). Got: {affine.tolist()}"
            )
        return cls(voxels, spacing_of(affine), affine, units, digest(voxels, affine), (), findings, frame)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, height, width)."""
        return self.voxels.shape

    @property
    def known_spacing(self) -> tuple[float, float, float] | None:
        """`spacing`, or None where the files do not say and 1 mm was taken, as for images."""
        return None if any(finding.name == "no-spacing" for finding in self.findings) else self.spacing

    @property
    def hu(self) -> np.ndarray:
        """The voxels, int16 HU; InputError where they are 8-bit grey levels."""
        if self.units != "HU":
            raise InputError(
                "This scan holds 8-bit grey levels, not Hounsfield units: a window was applied before it was saved "
                f"and cannot be undone. Give DICOM, NIfTI or NRRD for this step. Got: {self!r}"
            )
        return self.voxels

    def restore(self, array: np.ndarray) -> np.ndarray:
        """(slices, height, width[, channels]) -> the axis order and directions of the file.

        DICOM and images: (slices along the slice normal or in file order, rows, columns[, channels]).
        NIfTI: (i, j, k[, channels]), the file's own array. NRRD and MHA: ITK's index order (i, j, k[, channels]).
        InputError for an array of another shape than the scan's.
        """
        return self.frame.restore(np.asarray(array))

    def __repr__(self) -> str:
        # File names can carry a patient's name or number: they stay out of logs and tracebacks.
        spacing = " x ".join(f"{mm:.4g}" for mm in self.spacing)
        names = ", ".join(finding.name for finding in self.findings) or "none"
        return f"Scan({self.key}, {self.shape} {self.units}, {spacing} mm, findings: {names})"


def digest(voxels: np.ndarray, affine: np.ndarray) -> str:
    """16 hex digits of what the scan shows and where."""
    state = sha256(np.ascontiguousarray(voxels).data)
    # Thousandths of a millimetre: one scan in two formats keeps its key. Adding 0.0 turns -0.0 into 0.0.
    state.update((np.round(affine, 3) + 0.0).tobytes())
    return state.hexdigest()[:16]
