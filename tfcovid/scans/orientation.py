"""From the frame a file came in to the canonical one and back.

Every scan in memory is `(slices, height, width)`: slices from feet to head, rows from anterior to posterior,
columns from the patient's right to left. World coordinates are LPS+ millimetres, DICOM's and ITK's.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from tfcovid.errors import InputError

# World axis (0 left, 1 posterior, 2 superior) that each canonical array axis follows.
CANONICAL = (2, 1, 0)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the file's array axes lie: which of them each canonical axis is, and whether it runs backwards.

    `affine` (4, 4) takes an index along the file's own array axes to LPS+ millimetres. `slices_first` says that
    the file's array is (slices, rows, columns), as DICOM and images are; otherwise it is (i, j, k).
    `forms` holds a NIfTI file's ((sform, code), (qform, code)), to be written back unchanged.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    shape: tuple[int, int, int]
    affine: np.ndarray
    slices_first: bool
    forms: tuple | None = None

    @classmethod
    def nearest(cls, shape, affine, slices_first: bool, forms: tuple | None = None) -> "Frame":
        """The axis order and flips that bring an array of this affine closest to the canonical frame."""
        cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        order = max(
            permutations(range(3)),
            key=lambda order: sum(abs(cosines[world, axis]) for world, axis in zip(CANONICAL, order, strict=True)),
        )
        flips = tuple(bool(cosines[world, axis] < 0) for world, axis in zip(CANONICAL, order, strict=True))
        return cls(order, flips, tuple(shape), affine, slices_first, forms)

    def canonical(self, array: np.ndarray) -> np.ndarray:
        """The file's array as (slices, height, width), contiguous."""
        return np.ascontiguousarray(self._flip(array.transpose(self.order)))

    def restore(self, array: np.ndarray) -> np.ndarray:
        """(slices, height, width[, channels]) put back along the file's own array axes."""
        expected = tuple(self.shape[axis] for axis in self.order)
        if array.ndim not in (3, 4) or array.shape[:3] != expected:
            raise InputError(
                "An array must have the scan's own shape (slices, height, width[, channels]) to go back into the "
                f"frame of its file: {expected}. Got: {array.shape}"
            )
        back = tuple(int(axis) for axis in np.argsort(self.order))
        return np.ascontiguousarray(self._flip(array).transpose(*back, *range(3, array.ndim)))

    def canonical_places(self, places: np.ndarray) -> np.ndarray:
        """Voxels `(n, 3)` of the file's array, whole or not, as canonical (slice, row, column)."""
        return np.stack(
            [
                self.shape[axis] - 1 - places[:, axis] if flip else places[:, axis]
                for axis, flip in zip(self.order, self.flips, strict=True)
            ],
            axis=1,
        )

    def canonical_affine(self) -> np.ndarray:
        """4x4 from canonical (column, row, slice, 1) to LPS+ millimetres."""
        affine = np.eye(4)
        affine[:3, 3] = self.affine[:3, 3]
        for canonical, (axis, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            step = self.affine[:3, axis]
            if flip:
                affine[:3, 3] += step * (self.shape[axis] - 1)
            affine[:3, 2 - canonical] = -step if flip else step
        return affine

    def _flip(self, array: np.ndarray) -> np.ndarray:
        return np.flip(array, [axis for axis, flip in enumerate(self.flips) if flip])


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """(slice, row, column) in mm of a canonical affine; the first is measured square to the slices, so that the
    product of the three is a voxel's volume even in a sheared stack."""
    column, row, step = affine[:3, 0], affine[:3, 1], affine[:3, 2]
    normal = np.cross(column, row)
    return (
        float(abs(step @ normal) / np.linalg.norm(normal)),
        float(np.linalg.norm(row)),
        float(np.linalg.norm(column)),
    )
