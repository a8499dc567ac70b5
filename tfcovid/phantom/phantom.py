"""A synthetic chest CT with its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcovid.errors import InputError
from tfcovid.phantom.anatomy import Anatomy
from tfcovid.phantom.canvas import Canvas
from tfcovid.phantom.lesions import Lesions
from tfcovid.phantom.noise import Noise
from tfcovid.phantom.parenchyma import Parenchyma
from tfcovid.phantom.scanner import Scanner
from tfcovid.phantom.torso import Torso
from tfcovid.phantom.vessels import fill, grow_vessels

LABELS = {"healthy": "healthy", "covid": "covid-19", "h1n1": "h1n1", "cap": "cap"}
DISEASES = tuple(LABELS)


@dataclass(frozen=True)
class Phantom:
    """One scan and its truth; every array is (slices, height, width).

    Slices run from feet to head, rows from front to back, columns from the patient's right to left.
    `hu` is int16 in [-1024, 3071]. `lungs` is uint8: 0 outside, 1 left, 2 right, lesions included.
    `lesions` is uint8: 0 none, 1 ground glass, 2 consolidation. `spacing` is mm (slice, row, column).
    """

    hu: np.ndarray
    lungs: np.ndarray
    lesions: np.ndarray
    spacing: tuple[float, float, float]
    disease: str
    seed: int

    @property
    def label(self) -> str:
        """The class folder's name: "covid-19" for "covid"."""
        return LABELS[self.disease]

    @property
    def origin(self) -> tuple[float, float, float]:
        """Centre of the first voxel (z, y, x) in mm towards head, back and left of the middle of the scan."""
        z, y, x = (-step * (count - 1) / 2 for step, count in zip(self.spacing, self.hu.shape, strict=True))
        return z, y, x


def require_shape(shape: tuple[int, int, int] | None) -> None:
    """Raises InputError for a shape that holds no chest."""
    if shape is not None and (len(shape) != 3 or shape[0] < 2 or min(shape[1:]) < 32):
        raise InputError(f"shape: give (slices, height, width) of at least (2, 32, 32); got {shape!r}")


def make_phantom(
    disease: str = "healthy",
    *,
    seed: int = 0,
    shape: tuple[int, int, int] | None = None,
    spacing: tuple[float, float, float] | None = None,
    severity: float | None = None,
) -> Phantom:
    """Draw a patient from `seed` and scan it.

    The same seed is the same chest under every disease and on every grid. `shape` (slices, height, width)
    is 24 to 48 slices of 192 to 320 pixels square when not given. The chest always fills the field of view:
    `spacing` (mm) says how large it is, not how much of it is seen. `severity` from 0 (one or two small
    lesions) to 1 (extensive) is drawn when not given; a diseased scan shows at least one lesion voxel.

    Raises InputError for an unknown disease, a negative seed, a shape below (2, 32, 32), a spacing
    that is not positive or a severity outside 0 to 1.
    """
    if disease not in LABELS:
        raise InputError(f"disease: use one of {', '.join(DISEASES)}; got {disease!r}")
    if seed < 0:
        raise InputError(f"seed: give a whole number from 0; got {seed!r}")
    if severity is not None and not 0 <= severity <= 1:
        raise InputError(f"severity: give a number from 0 to 1; got {severity!r}")
    require_shape(shape)
    if spacing is not None and (len(spacing) != 3 or not all(0 < step < np.inf for step in spacing)):
        raise InputError(f"spacing: give three positive mm (slice, row, column); got {spacing!r}")

    patient, grid, illness = (np.random.default_rng([seed, part]) for part in range(3))
    anatomy = Anatomy(patient)
    torso = Torso(anatomy, patient)
    parenchyma = Parenchyma(anatomy, patient)
    scanner = Scanner(patient)
    coarse, fine = Noise(patient, 22.0), Noise(patient, 3.8)
    vessels, airways = grow_vessels(anatomy, patient)

    z, y, x, shape, spacing = _field(anatomy, grid, shape, spacing)
    if severity is None:
        severity = float(illness.uniform(0, 1) ** 1.1)
    thickness, pixel = float(z[1] - z[0]), float(x[1] - x[0])
    blood = fill(vessels, z, y, x)
    wall, lumen = fill(airways, z, y, x, grow=1.1), fill(airways, z, y, x)

    for attempt in range(12):
        place = np.random.default_rng([seed, 3, DISEASES.index(disease)])
        lesions = Lesions(disease, anatomy, parenchyma, vessels, place, severity, 1.5**attempt)
        shot = np.random.default_rng([seed, 4])
        hu, lungs = np.empty(shape, np.int16), np.zeros(shape, np.uint8)
        marks = np.zeros(shape, np.uint8)
        for k in range(shape[0]):
            u = float(z[k]) / anatomy.height
            canvas = Canvas(x[None], y[:, None], pixel)
            rough, grain = (noise.at(canvas.x, canvas.y, float(z[k])) for noise in (coarse, fine))
            inside = torso.paint(canvas, u, rough, grain)
            distance = anatomy.lung(canvas.x, canvas.y, u)
            share = canvas.cover(distance)
            tissue = parenchyma.at(canvas.x, canvas.y, u, -distance, rough, grain)
            ground, density, solid = lesions.at(canvas.x, canvas.y, u, thickness, -distance, rough, grain)
            density = np.maximum(density, tissue + 130) + 35 * grain + 30 * rough
            tissue += ground * (density - tissue)
            tissue += solid * (25 + 15 * grain - tissue)
            canvas.blend(share, tissue)
            canvas.blend(blood[k] * (share > 0.5), 45)
            canvas.blend(wall[k], np.maximum(canvas.hu, 0))
            canvas.blend(lumen[k], -985)
            within = share > 0.5
            lungs[k] = within * np.where(canvas.x > 0, 1, 2)
            marks[k] = within * np.where(solid > 0.5, 2, ground > 0.35)
            hu[k] = scanner.expose(canvas.hu, inside, u, shot)
        # On a very coarse grid the small lesions of a mild case can fall between the voxels: grow them.
        if disease == "healthy" or marks.any():
            break
    return Phantom(hu, lungs, marks, spacing, disease, seed)


def _field(anatomy, rng, shape, spacing):
    """Voxel centres (z, y, x) in nominal mm, the shape and the spacing in mm."""
    fill_, low, high = rng.uniform(0.87, 1.0), rng.uniform(-0.06, 0.08), rng.uniform(0.95, 1.03)
    side, slices, scale = int(rng.integers(12, 21)) * 16, int(rng.integers(24, 49)), rng.uniform(0.92, 1.08)
    if shape is None:
        shape = (slices, side, side)
    shape = tuple(int(n) for n in shape)
    ratio = 1.0 if spacing is None else spacing[1] / spacing[2]
    # Nominal mm a column spans: the body and the table under it fit the field across and along.
    column = 2 * anatomy.half / fill_ / min(shape[2], shape[1] * ratio / 0.86)
    row = column * ratio
    step = (high - low) * anatomy.height / shape[0]
    z = (low * anatomy.height + (np.arange(shape[0]) + 0.5) * step).astype(np.float32)
    y = ((np.arange(shape[1]) - (shape[1] - 1) / 2) * row + 12).astype(np.float32)
    x = ((np.arange(shape[2]) - (shape[2] - 1) / 2) * column).astype(np.float32)
    if spacing is None:
        spacing = (round(step * scale, 3), round(row * scale, 4), round(column * scale, 4))
    return z, y, x, shape, tuple(float(step) for step in spacing)
