"""Smooth random texture in space."""

from __future__ import annotations

import cv2
import numpy as np


class Noise:
    """A random field with features of about `scale` nominal mm, the same whatever grid it is sampled on.

    Zero mean, near unit variance. It repeats after 400 mm in the plane, wider than any field of view, and
    wraps along the height.
    """

    def __init__(self, rng: np.random.Generator, scale: float):
        self.scale = scale
        cells = int(np.ceil(400 / scale)) + 1
        deep = int(np.ceil(320 / scale)) + 1
        self.lattice = rng.standard_normal((deep, cells, cells), dtype=np.float32)

    def at(self, x: np.ndarray, y: np.ndarray, z: float) -> np.ndarray:
        """Values (height, width) at columns `x` (1, width), rows `y` (height, 1), height `z`, all in mm.

        `x` and `y` must rise evenly.
        """
        place = z / self.scale
        low = int(np.floor(place))
        t = place - low
        t = t * t * (3 - 2 * t)
        deep, cells, _ = self.lattice.shape
        plane = (1 - t) * self.lattice[low % deep] + t * self.lattice[(low + 1) % deep]
        plane /= np.sqrt((1 - t) ** 2 + t**2)
        columns = (x[0] / self.scale + cells / 2).astype(np.float32)
        rows = (y[:, 0] / self.scale + cells / 2).astype(np.float32)
        scale_x, scale_y = columns[1] - columns[0], rows[1] - rows[0]
        shift = np.float32([[scale_x, 0, columns[0]], [0, scale_y, rows[0]]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        size = (len(columns), len(rows))
        return 1.3 * cv2.warpAffine(plane, shift, size, flags=flags, borderMode=cv2.BORDER_WRAP)
