"""The order, the spacing and the direction of a series' slices."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tfcovid.scans.dicom_header import DicomSlice
from tfcovid.scans.finding import Finding, a_few, found

SAME = 1e-3  # mm between two positions that are one
UNEVEN = 0.05  # share of the distance by which a gap may differ from the others
TILT = 0.5  # degrees


def stack(slices: list[DicomSlice]) -> tuple[list[DicomSlice], np.ndarray, list[Finding]]:
    """Slices of one series, ordered along their normal, with the 4x4 affine from (slice, row, column) indices to
    LPS+ mm and what was noticed.

    Distances come from the positions: the mean where it is even, the median where it is not.
    """
    findings: list[Finding] = []
    slices = _largest_group(slices, _same_size, "mixed-sizes", "size", findings)
    slices = _largest_group(slices, _same_plane, "mixed-orientation", "orientation", findings)
    normal = slices[0].normal
    if abs(normal[2]) < np.cos(np.pi / 4):
        findings.append(found("non-axial", f"The slices are {_plane(normal)}, not axial."))
    if any(s.position is None for s in slices):
        return *_without_positions(slices, findings), findings

    slices = sorted(slices, key=lambda s: (s.position @ normal, s.number))
    slices = _drop_duplicates(slices, normal, findings)
    step = _step(slices, normal, findings)
    return slices, _affine(slices[0], step, slices[0].position, findings), findings


def _same_size(one: DicomSlice, other: DicomSlice) -> bool:
    spacings = zip(one.spacing or (0, 0), other.spacing or (0, 0), strict=True)
    return one.file.shape == other.file.shape and all(abs(a - b) < SAME for a, b in spacings)


def _same_plane(one: DicomSlice, other: DicomSlice) -> bool:
    return bool(one.normal @ other.normal > np.cos(np.radians(TILT)))


def _largest_group(
    slices: list[DicomSlice],
    same: Callable[[DicomSlice, DicomSlice], bool],
    name: str,
    what: str,
    findings: list[Finding],
) -> list[DicomSlice]:
    """The largest group of slices that agree; a finding names the others."""
    groups: list[list[DicomSlice]] = []
    for slice_ in slices:
        for group in groups:
            if same(slice_, group[0]):
                group.append(slice_)
                break
        else:
            groups.append([slice_])
    largest = max(groups, key=len)
    if len(groups) > 1:
        others = [slice_.file.path.name for group in groups if group is not largest for slice_ in group]
        findings.append(found(name, f"{len(others)} slices have another {what} than the rest.", others))
    return largest


def _plane(normal: np.ndarray) -> str:
    return ("sagittal", "coronal", "axial")[int(np.abs(normal).argmax())]


def _drop_duplicates(slices: list, normal: np.ndarray, findings: list[Finding]) -> list[DicomSlice]:
    kept, doubles = slices[:1], []
    for slice_ in slices[1:]:
        if (slice_.position - kept[-1].position) @ normal < SAME:
            doubles.append(slice_.file.path.name)
        else:
            kept.append(slice_)
    if doubles:
        findings.append(found("duplicate-positions", f"{len(doubles)} slices lie where another one does.", doubles))
    return kept


def _step(slices: list, normal: np.ndarray, findings: list[Finding]) -> np.ndarray:
    """mm from one slice to the next, along the way the positions really go."""
    if len(slices) == 1:
        return normal * (slices[0].gap or 1.0)
    gaps = np.array([(b.position - a.position) @ normal for a, b in pairwise(slices)])
    middle = float(np.median(gaps))
    wide = np.flatnonzero(gaps > 1.5 * middle)
    even = np.abs(gaps - middle) <= max(UNEVEN * middle, 0.01)
    if len(wide):
        counts = a_few(f"{round(gaps[i] / middle) - 1} after slice {i + 1} of {len(slices)}" for i in wide)
        beside = [f"{slices[i].file.path.name} to {slices[i + 1].file.path.name}" for i in wide]
        findings.append(found("missing-slices", f"Slices {middle:.4g} mm apart are missing: {counts}.", beside))
    elif not even.all():
        findings.append(
            found("uneven-spacing", f"Neighbouring slices are {gaps.min():.4g} to {gaps.max():.4g} mm apart.")
        )
    way = slices[-1].position - slices[0].position
    tilt = float(np.degrees(np.arctan2(np.linalg.norm(np.cross(way, normal)), way @ normal)))
    if tilt > TILT:
        findings.append(found("gantry-tilt", f"The stack leans by {tilt:.1f} degrees from its slices' normal."))
    return way / (len(slices) - 1) if even.all() else way / (way @ normal) * middle


def _without_positions(slices: list, findings: list[Finding]) -> tuple[list[DicomSlice], np.ndarray]:
    without = [s.file.path.name for s in slices if s.position is None]
    findings.append(found("no-positions", f"{len(without)} slices do not say where they lie.", without))
    slices = sorted(slices, key=lambda s: s.number)
    first = slices[0]
    return slices, _affine(first, first.normal * (first.gap or 1.0), np.zeros(3), findings)


def _affine(first: DicomSlice, step: np.ndarray, origin: np.ndarray, findings: list[Finding]) -> np.ndarray:
    if not first.oriented:
        findings.append(found("no-orientation", "The header does not say which way up the slices are."))
    if first.spacing is None:
        findings.append(found("no-spacing", "The header does not say how large a pixel is; 1 mm was taken."))
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    along_row, along_column, _ = first.axes
    affine[:3] = np.column_stack([step, along_column * between_rows, along_row * between_columns, origin])
    return affine
