"""Checks on the voxels of any scan, whatever format it came in."""

import numpy as np

from tfcovid.scans.finding import Finding, found
from tfcovid.scans.orientation import Frame, spacing_of

HU_FLOOR = -1024
FEW_SLICES = 10
AIR, SOFT_TISSUE = (-1100, -700), (-200, 300)  # HU
BODY, BONE = -300, 250  # HU, at least
BONE_SHARE = 0.003  # of the voxels, for their place to mean anything
SHARE = 0.001  # of the voxels that must be air, and that must be soft tissue


def looks_like_hu(voxels: np.ndarray, padded: bool) -> bool:
    """Whether air lies near -1000 and soft tissue near 0. `padded` voxels at -1024 tell nothing: they stood for
    "no pixel here"."""
    sample = voxels if voxels.ndim < 3 else voxels[:: max(1, len(voxels) // 16), ::4, ::4]
    if padded:
        sample = sample[sample > HU_FLOOR]
    if not sample.size:
        return False
    return all(np.mean((sample >= low) & (sample <= high)) >= SHARE for low, high in (AIR, SOFT_TISSUE))


def check_hu(voxels: np.ndarray, padded: bool) -> list[Finding]:
    """ "not-hu" with what the values look like instead; nothing where they look like HU."""
    if looks_like_hu(voxels, padded):
        return []
    low, high = int(voxels.min()), int(voxels.max())
    if padded:
        low = int(voxels.min(where=voxels > HU_FLOOR, initial=high))
    if low >= 0 and high <= 255:
        guess = "They look like a label map or like 8-bit grey levels."
    elif low >= 0:
        guess = "They look like stored values to which the intercept of -1024 was not added, or like a label map."
    else:
        guess = "They may have been windowed or normalised."
    said = (
        "none of air's lie near -1000"
        if low > AIR[1]
        else "those of air, near -1000, or of tissue, near 0, are too few"
    )
    return [found("not-hu", f"Values run from {low} to {high} and {said}. {guess}")]


def check_upright(voxels: np.ndarray) -> list[Finding]:
    """ "upside-down" where the bones of canonical (slices, height, width) HU lie in front of the body's middle.

    Spine, shoulder blades and most of the ribs lie behind it: by 0.4 to 0.8 of the body's own spread in the chest
    scans this was tried on.
    """
    sample = voxels[:: max(1, len(voxels) // 16), ::4, ::4]
    rows = np.arange(sample.shape[1])
    body, bone = ((sample > least).sum((0, 2)).astype(float) for least in (BODY, BONE))
    if len(voxels) < FEW_SLICES or bone.sum() < BONE_SHARE * sample.size:
        return []
    middle = np.average(rows, weights=body)
    spread = np.sqrt(np.average((rows - middle) ** 2, weights=body))
    if (np.average(rows, weights=bone) - middle) / spread > -0.2:
        return []
    return [found("upside-down", "The bones lie in front, as if the patient were turned over.")]


def check_geometry(frame: Frame) -> list[Finding]:
    """Too few slices, implausible spacing, oblique axes: of any format."""
    findings = []
    affine = frame.canonical_affine()
    slices = frame.shape[frame.order[0]]
    if slices < FEW_SLICES:
        findings.append(found("too-few-slices", f"There {'is' if slices == 1 else 'are'} only {slices}."))
    spacing = spacing_of(affine)
    if not 0.1 <= min(spacing) <= max(spacing) <= 20:
        findings.append(found("odd-spacing", f"Voxels are {' x '.join(f'{mm:.4g}' for mm in spacing)} mm."))
    axes = np.column_stack([affine[:3, 0], affine[:3, 1], np.cross(affine[:3, 0], affine[:3, 1])])
    cosines = np.diag(axes / np.linalg.norm(axes, axis=0))
    angle = float(np.degrees(np.arccos(np.clip(cosines.min(), -1, 1))))
    if angle > 1:
        findings.append(found("oblique", f"The slices lie up to {angle:.1f} degrees off the patient's axes."))
    return findings
