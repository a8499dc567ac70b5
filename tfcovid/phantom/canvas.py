"""A slice to paint on."""

from __future__ import annotations

import math

import numpy as np


class Canvas:
    """One axial slice in HU, painted shape over shape with soft (partial volume) edges.

    `x` is (1, width) and `y` is (height, 1), nominal mm; `pixel` is the mm a pixel spans in them. `warp`
    (height, width) mm moves the outline of every oval and bar, for nothing in a body is round.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, pixel: float):
        self.x, self.y, self.pixel = x, y, pixel
        self.warp = np.zeros((y.shape[0], x.shape[1]), np.float32)
        self.hu = np.full((y.shape[0], x.shape[1]), -1000, np.float32)

    def cover(self, distance: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """Share of each pixel inside a signed distance (mm, negative inside); `soft` mm widen the edge."""
        return np.clip(0.5 - distance / (1.3 * self.pixel + soft), 0, 1)

    def blend(self, share: np.ndarray, hu: np.ndarray | float, where=(slice(None), slice(None))) -> None:
        """Replace `share` (0 to 1) of the pixels in the window `where` by tissue of `hu`."""
        self.hu[where] += share * (hu - self.hu[where])

    def _window(self, x0: float, x1: float, y0: float, y1: float):
        margin = 2 * self.pixel
        columns = np.searchsorted(self.x[0], (x0 - margin, x1 + margin))
        rows = np.searchsorted(self.y[:, 0], (y0 - margin, y1 + margin))
        return slice(*rows), slice(*columns)

    def oval(self, cx, cy, a, b, hu, *, tilt=0.0, power=2.0, soft=0.0, share=1.0) -> None:
        """Paint a superellipse with half axes `a`, `b` (mm), turned by `tilt` radians."""
        if min(a, b) < 0.2:
            return
        reach = max(a, b) if tilt else None
        window = self._window(cx - (reach or a), cx + (reach or a), cy - (reach or b), cy + (reach or b))
        x, y = self.x[:, window[1]] - cx, self.y[window[0]] - cy
        if x.size == 0 or y.size == 0:
            return
        if tilt:
            cos, sin = math.cos(tilt), math.sin(tilt)
            x, y = x * cos + y * sin, y * cos - x * sin
        level = (np.abs(x / a) ** power + np.abs(y / b) ** power) ** (1 / power)
        self.blend(share * self.cover((level - 1) * min(a, b) + self.warp[window], soft), hu, window)

    def bar(self, x0, y0, x1, y1, radius, hu, *, share=1.0) -> None:
        """Paint a round-ended bar between two points (mm)."""
        window = self._window(min(x0, x1) - radius, max(x0, x1) + radius, min(y0, y1) - radius, max(y0, y1) + radius)
        x, y = self.x[:, window[1]] - x0, self.y[window[0]] - y0
        if x.size == 0 or y.size == 0:
            return
        dx, dy = x1 - x0, y1 - y0
        along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
        distance = np.hypot(x - along * dx, y - along * dy) - radius
        self.blend(share * self.cover(distance + self.warp[window]), hu, window)
