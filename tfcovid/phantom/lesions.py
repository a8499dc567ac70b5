"""Where each disease puts its lesions and what they look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcovid.phantom.anatomy import Anatomy
from tfcovid.phantom.parenchyma import Parenchyma
from tfcovid.phantom.vessels import Tubes, lung_points


@dataclass(frozen=True)
class _Lesion:
    kind: str  # "patch" lies on the pleura, "ball" in the tissue, "wedge" is a segment
    centre: tuple[float, float, float]  # (z, y, x) nominal mm; the tip of a wedge
    size: float  # half extent, mm; the length of a wedge
    flat: float  # thickness over width of a patch; half angle (radians) of a wedge
    hu: float  # ground glass density
    soft: float  # width of the edge as a share of the size
    solid: float  # level above which it is consolidated; 1.5 and more is never
    axis: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lobe: int = 0  # wedge: -1 stays in front of the fissure, 1 behind it
    edge: float = 0.25  # how far texture moves the outline, as a share of the size


class Lesions:
    """The lesions of one patient, placed in nominal mm so that every grid sees the same ones.

    `severity` from 0 (one or two small ones) to 1 (extensive). `growth` above 1 makes
    every lesion a ball so many times as large, for grids too coarse to show it.
    """

    def __init__(
        self,
        disease: str,
        anatomy: Anatomy,
        parenchyma: Parenchyma,
        vessels: Tubes,
        rng: np.random.Generator,
        severity: float,
        growth: float = 1.0,
    ):
        self.anatomy, self.parenchyma = anatomy, parenchyma
        plans = {"covid": self._covid, "h1n1": self._h1n1, "cap": self._cap}
        self.lesions = plans[disease](rng, severity, vessels) if disease != "healthy" else []
        self.growth = growth

    @staticmethod
    def _size(rng, low, high) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def _covid(self, rng, severity, _) -> list[_Lesion]:
        anatomy = self.anatomy
        count = 2 + int(rng.poisson(1 + 20 * severity))
        lesions = []
        for index in range(count):
            side = (1, -1)[index % 2] if index < 2 or rng.random() < 0.6 else int(rng.choice([-1, 1]))
            spots = lung_points(anatomy, rng, side, 60, 0.5)
            depth = -anatomy.cage(spots[:, 2], spots[:, 1], spots[:, 0] / anatomy.height)
            low = 1 - spots[:, 0] / anatomy.height
            back = (spots[:, 1] - anatomy.front) / (anatomy.back - anatomy.front)
            weight = np.exp(-np.clip(depth, 0, None) / 7) * (0.05 + low**2) * (0.08 + back**2)
            z, y, x = spots[rng.choice(len(spots), p=weight / weight.sum())]
            size = self._size(rng, 4, 16 + 50 * severity)
            patch = rng.random() < 0.75
            lesions.append(
                _Lesion(
                    "patch" if patch else "ball",
                    (z, y, x),
                    size * (1.25 if patch else 0.8),
                    rng.uniform(0.3, 0.8),
                    rng.uniform(-690, -420),
                    rng.uniform(0.2, 0.6),
                    rng.uniform(0.3, 0.75) if rng.random() < 0.25 + 0.3 * severity else 2.0,
                    edge=rng.uniform(0.15, 0.35),
                )
            )
        return lesions

    def _h1n1(self, rng, severity, vessels) -> list[_Lesion]:
        anatomy = self.anatomy
        middle = (vessels.start + vessels.end) / 2
        depth = -anatomy.lung(middle[:, 2], middle[:, 1], middle[:, 0] / anatomy.height)
        near = np.flatnonzero((vessels.radius > 1.2) & (vessels.radius < 3.6) & (depth > 10))
        lesions = []
        for _ in range(1 + int(rng.poisson(0.8 + 7 * severity))):
            piece = rng.choice(near)
            size = self._size(rng, 5, 12 + 22 * severity)
            solid = rng.uniform(0.35, 0.8) if rng.random() < 0.45 else 2.0
            hu, soft = rng.uniform(-690, -400), rng.uniform(0.3, 0.7)
            # A short string of blobs follows the bundle outwards.
            run = vessels.end[piece] - vessels.start[piece]
            run = run / max(float(np.linalg.norm(run)), 1e-3)
            for step in (-0.5, 0.3, 1.0)[: int(rng.integers(1, 4))]:
                centre = middle[piece] + run * size * step + rng.normal(0, 0.15 * size, 3)
                lesions.append(_Lesion("ball", tuple(centre), size * rng.uniform(0.6, 1), 1, hu, soft, solid, edge=0.3))
        fine = np.flatnonzero((vessels.radius < 1.1) & (depth > 9))
        for _ in range(int(rng.poisson(2 + 22 * severity))):
            centre = middle[rng.choice(fine)] + rng.normal(0, 2, 3)
            lesions.append(
                _Lesion("ball", tuple(centre), self._size(rng, 1.8, 5), 1, rng.uniform(-600, -250), 0.5, 2.0)
            )
        return lesions

    def _cap(self, rng, severity, _) -> list[_Lesion]:
        anatomy = self.anatomy
        side = int(rng.choice([-1, 1]))
        lesions = []
        for index in range(1 if rng.random() < 0.75 else 2):
            spots = lung_points(anatomy, rng, side, 40, 0.5)
            depth = -anatomy.cage(spots[:, 2], spots[:, 1], spots[:, 0] / anatomy.height)
            spot = spots[np.argmin(depth + rng.uniform(0, 12, len(depth)))]
            tip = np.float32([rng.uniform(0.44, 0.54) * anatomy.height, 10, side * 30])
            # A small pneumonia is the outer end of its segment.
            length = float(np.linalg.norm(spot - tip))
            share = self._size(rng, 0.18 + 0.35 * severity, 0.35 + 0.65 * severity) / (1 + index)
            tip = spot + (tip - spot) * share
            axis = (spot - tip) / max(length * share, 1e-3)
            lobe = 1 if self.parenchyma.fissure(spot[1], spot[0] / anatomy.height) > 0 else -1
            lesions.append(
                _Lesion(
                    "wedge",
                    tuple(tip),
                    length * share,
                    rng.uniform(0.5, 0.78),
                    rng.uniform(-620, -400),
                    rng.uniform(0.12, 0.3),
                    rng.uniform(0.12, 0.35) if rng.random() < 0.85 else 0.8,
                    tuple(axis),
                    lobe,
                    rng.uniform(0.1, 0.2),
                )
            )
        return lesions

    def at(self, x, y, u, thickness, depth, coarse, fine) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ground glass share, its HU and consolidated share, each (height, width), at height `u`.

        `x` (1, width), `y` (height, 1) and `thickness` of the slice are nominal mm, `depth` (height, width)
        is mm below the pleura, and `coarse` and `fine` are unit noise.
        """
        shape = (y.shape[0], x.shape[1])
        ground, solid = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        density = np.full(shape, -600, np.float32)
        for lesion in self.lesions:
            z, cy, cx = lesion.centre
            size = lesion.size * self.growth
            dz = u * self.anatomy.height - z
            # A slice sees a lesion that lies anywhere in its thickness.
            dz = np.sign(dz) * max(0.0, abs(dz) - 0.4 * thickness)
            reach = 1.6 * size + 4
            if abs(dz) > reach:
                continue
            rows = slice(*np.searchsorted(y[:, 0], (cy - reach, cy + reach)))
            columns = slice(*np.searchsorted(x[0], (cx - reach, cx + reach)))
            dx, dy = x[:, columns] - cx, y[rows] - cy
            if dx.size == 0 or dy.size == 0:
                continue
            far = np.sqrt(dx * dx + dy * dy + dz * dz)
            level = self._level(lesion, size, far, dz, dy, dx, y[rows], u, depth[rows, columns])
            level = level + lesion.edge * (0.6 * coarse[rows, columns] + 0.35 * fine[rows, columns])
            # A lesion in one lung does not shine through to the other.
            same = np.sign(x[:, columns]) == np.sign(cx)
            share = np.clip(level / lesion.soft, 0, 1) * same
            hard = np.clip((level - lesion.solid) / 0.15, 0, 1) * same
            here = (rows, columns)
            ahead = share > ground[here]
            density[here] = np.where(ahead, np.float32(lesion.hu), density[here])
            ground[here] = np.maximum(ground[here], share)
            solid[here] = np.maximum(solid[here], hard)
        return ground, density, solid

    def _level(self, lesion, size, far, dz, dy, dx, y, u, depth) -> np.ndarray:
        """1 in the middle of a lesion, 0 at its outline."""
        if lesion.kind == "ball" or self.growth > 1:
            return 1 - far / size
        if lesion.kind == "patch":
            return 1 - np.sqrt((far / size) ** 2 + (np.maximum(depth, 0) / (size * lesion.flat)) ** 2)
        az, ay, ax = lesion.axis
        along = (dz * az + dy * ay + dx * ax) / np.maximum(far, 1e-3)
        cone = (lesion.flat - np.arccos(np.clip(along, -1, 1))) / lesion.flat
        level = np.minimum(1.6 * cone + 0.25, 3 * (far / size - 0.12))
        level = np.minimum(level, 4 * (1.5 - far / size))
        return np.minimum(level, lesion.lobe * self.parenchyma.fissure(y, u) / 4 + 0.2)
