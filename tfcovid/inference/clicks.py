"""Where a reader clicked in a scan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans import Scan
from tfcovid.scans.orientation import LPS_TO_RAS

# Names of the three numbers of a click, by the space they are in.
SPACES = {"voxel": ("k", "j", "i"), "lps": ("x", "y", "z"), "ras": ("x", "y", "z")}
_CANONICAL = "slice", "row", "column"

Points = Sequence[Sequence[float]] | np.ndarray


@dataclass(frozen=True, eq=False)
class Clicks:
    """Clicks on the lesion (positive) and beside it (negative).

    Both `(clicks, 3)` float64: slice, row and column of the scan in its canonical frame (see `Scan`), whole or not;
    0 is the centre of the first voxel.

    Raises:
        InputError: points that are not three finite numbers each.
    """

    positive: np.ndarray = field(default=())
    negative: np.ndarray = field(default=())

    def __post_init__(self) -> None:
        for name in ("positive", "negative"):
            object.__setattr__(self, name, _triples(getattr(self, name), name))

    @classmethod
    def of(cls, scan: Scan, positive: Points = (), negative: Points = (), space: str = "voxel") -> "Clicks":
        """Clicks as they are written down elsewhere.

        Args:
            space: "voxel", (k, j, i) of the file's own array, from 0: slice, row and column of DICOM and images, where
                slices are counted along their normal; the file's k, j and i of NIfTI, NRRD and MHA. "lps" or "ras",
                (x, y, z) of the patient in mm, DICOM's and ITK's way or NIfTI's.

        Raises:
            InputError: an unknown space, points that are not three finite numbers each, or outside the scan.
        """
        if space not in SPACES:
            raise InputError(f"clicks are given in one of the spaces {', '.join(SPACES)}. Received: {space!r}")
        clicks = []
        for name, points in (("positive", positive), ("negative", negative)):
            given = _triples(points, name)
            clicks.append(_canonical(scan, given, space))
            for point in given[~_inside(clicks[-1], scan.shape)]:
                raise InputError(
                    f"this {name} click lies outside the scan, which has {_range(scan, space)}. "
                    f"Received: {','.join(SPACES[space])} = {','.join(f'{value:g}' for value in point)}"
                )
        return cls(*clicks)

    def __add__(self, other: "Clicks") -> "Clicks":
        return Clicks(np.concatenate([self.positive, other.positive]), np.concatenate([self.negative, other.negative]))

    @property
    def count(self) -> int:
        return len(self.positive) + len(self.negative)

    def require_inside(self, shape: Sequence[int]) -> None:
        """Raises InputError for a click outside a volume of `shape` (slices, height, width)."""
        for name, places in (("positive", self.positive), ("negative", self.negative)):
            for place in places[~_inside(places, shape)]:
                raise InputError(
                    f"this {name} click lies outside the scan, which has {_counted(_CANONICAL, shape)}. "
                    f"Received: {', '.join(_CANONICAL)} = {', '.join(f'{value:g}' for value in place)}"
                )

    def to_working(self, shape: Sequence[int], working: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The positive and the negative clicks in voxels of a grid of shape `working` whose outer edges are those of
        the scan of `shape`, as `resample` makes it."""
        share = np.asarray(working, float) / np.asarray(shape, float)
        return tuple((places + 0.5) * share - 0.5 for places in (self.positive, self.negative))

    def mm(self, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
        """The positive and the negative clicks in the patient's LPS+ mm, (x, y, z)."""
        return tuple(_mm(scan, places) for places in (self.positive, self.negative))


def _triples(points: Points, name: str) -> np.ndarray:
    try:
        found = np.asarray(points, np.float64)
    except (TypeError, ValueError):
        found = None
    if found is not None and not found.size:
        return np.empty((0, 3))
    if found is None or found.ndim != 2 or found.shape[1] != 3 or not np.isfinite(found).all():
        raise InputError(f"{name} clicks are points of three finite numbers each. Received: {points!r}")
    return found


def _canonical(scan: Scan, points: np.ndarray, space: str) -> np.ndarray:
    if space == "voxel":
        return scan.frame.canonical_places(points if scan.frame.slices_first else points[:, ::-1])
    to_lps = LPS_TO_RAS if space == "ras" else np.eye(4)
    to_voxel = np.linalg.inv(scan.affine) @ to_lps
    return (points @ to_voxel[:3, :3].T + to_voxel[:3, 3])[:, ::-1]


def _mm(scan: Scan, places: np.ndarray) -> np.ndarray:
    return places[:, ::-1] @ scan.affine[:3, :3].T + scan.affine[:3, 3]


def _inside(places: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return ((places >= -0.5) & (places <= np.asarray(shape) - 0.5)).all(axis=1)


def _range(scan: Scan, space: str) -> str:
    names = SPACES[space]
    if space == "voxel":
        return _counted(names, scan.frame.shape if scan.frame.slices_first else scan.frame.shape[::-1])
    corners = np.array(list(product(*((-0.5, side - 0.5) for side in scan.shape))))
    corners = _mm(scan, corners) @ (LPS_TO_RAS if space == "ras" else np.eye(4))[:3, :3]
    ends = zip(names, corners.min(axis=0), corners.max(axis=0), strict=True)
    return ", ".join(f"{name} {low:.1f} to {high:.1f}" for name, low, high in ends) + f" mm ({space.upper()})"


def _counted(names: Sequence[str], shape: Sequence[int]) -> str:
    return ", ".join(f"{name} 0 to {side - 1}" for name, side in zip(names, shape, strict=True))
