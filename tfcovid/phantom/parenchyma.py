"""Lung tissue without disease, which is not one number."""

from __future__ import annotations

import numpy as np

from tfcovid.phantom.anatomy import Anatomy


class Parenchyma:
    """HU of healthy lung tissue, with what makes healthy scans differ and look ill to a careless reader.

    Depth of breath, the weight of the lung on its dependent part, subpleural haze at the back, patchy air
    trapping, fissures and basal plate-like bands are drawn once per patient from `rng`.
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        self.anatomy = anatomy
        self.base = rng.uniform(-890, -800) + (rng.uniform(30, 110) if rng.random() < 0.3 else 0)
        self.weight = rng.uniform(15, 90)
        self.haze = rng.uniform(60, 330) if rng.random() < 0.45 else rng.uniform(0, 50)
        self.haze_depth = rng.uniform(5, 14)
        self.patchy = rng.uniform(4, 22)
        self.grain = rng.uniform(4, 12)
        self.rim = rng.uniform(0, 60)
        self.motion = rng.uniform(0, 1) ** 2
        self.fissure_base = rng.uniform(0.1, 0.25)
        self.fissure_shown = rng.uniform(0, 160) if rng.random() < 0.6 else 0.0
        self.fissure_bow = rng.uniform(-14, 14, 2).tolist()
        self.bands = [
            (
                rng.choice([-1, 1]) * rng.uniform(0.3, 0.7) * anatomy.cage_half,
                rng.uniform(0.0, 0.6) * anatomy.back,
                rng.uniform(0.2, 0.42),
                rng.uniform(-0.7, 0.7),
                rng.uniform(12, 30),
            )
            for _ in range(int(rng.choice([0, 0, 0, 1, 2])))
        ]

    def fissure(self, y: np.ndarray | float, u: np.ndarray | float) -> np.ndarray:
        """Distance in mm to the oblique fissure: negative in front of it (upper lobe)."""
        anatomy = self.anatomy
        line = np.interp(u, [self.fissure_base, 0.8], [anatomy.front * 0.62, anatomy.back * 0.6])
        line = line if np.ndim(u) else float(line)
        return (y - line) * 0.75

    def at(self, x, y, u, depth, coarse, fine) -> np.ndarray:
        """HU (height, width) at height `u`; `depth` is mm below the pleura, the textures are unit noise."""
        anatomy = self.anatomy
        fall = (y - anatomy.front) / (anatomy.back - anatomy.front)
        hu = self.base + self.weight * (fall - 0.4) + self.patchy * coarse + self.grain * fine
        behind = np.clip((fall - 0.62) / 0.25, 0, 1) * float(np.interp(u, [0, 0.5, 1], [1, 0.8, 0.25]))
        hu = hu + behind * self.haze * np.clip(1.1 + 0.35 * coarse - depth / self.haze_depth, 0, 1)
        hu = hu + self.rim * np.clip(1 - depth / 4, 0, 1)
        bow = np.where(x > 0, np.float32(self.fissure_bow[0]), np.float32(self.fissure_bow[1]))
        edge = self.fissure(y, u) + bow + 5 * np.sin(x / 33 + bow) - 0.15 * np.abs(x) + 2.5 * coarse
        hu = hu + self.fissure_shown * np.clip(1.3 - np.abs(edge), 0, 1)
        for cx, cy, level, tilt, reach in self.bands:
            dx, dy, dz = x - cx, y - cy, (u - level) * anatomy.height
            near = np.clip(1.2 - np.sqrt(dx * dx + dy * dy + dz * dz) / reach, 0, 1)
            plane = np.abs(dz * 0.7 + dy * 0.6 + tilt * dx + 2 * coarse)
            hu = hu + 480 * np.minimum(near * 3, 1) * np.clip(1.8 - plane / 1.3, 0, 1)
        # The beating heart smears its border into the lung beside it.
        heart = anatomy.heart_wall(x, y, u)
        if anatomy.heart_at(u)[2] > 5:
            hu = hu + 230 * self.motion * np.clip(1 - heart / (4 + 8 * self.motion), 0, 1)
        return hu.astype(np.float32)
