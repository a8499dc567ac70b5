"""What the scanner adds: blur, kernel, noise and streaks."""

from __future__ import annotations

import cv2
import numpy as np


class Scanner:
    """Reconstruction kernel and dose of one scan, drawn from `rng`."""

    def __init__(self, rng: np.random.Generator):
        self.sharp = rng.uniform(0, 0.9) if rng.random() < 0.5 else 0.0
        self.noise = float(np.exp(rng.uniform(np.log(8), np.log(30)))) * (1 + 0.9 * self.sharp)
        self.streaks = rng.uniform(4, 22)
        self.field = rng.random() < 0.4
        self.outside = -1024 if rng.random() < 0.8 else -1000

    def expose(self, hu: np.ndarray, inside: np.ndarray, u: float, rng: np.random.Generator) -> np.ndarray:
        """The slice as reconstructed, int16 HU (height, width); `inside` is the share inside the body."""
        hu = cv2.GaussianBlur(hu, (0, 0), 0.55)
        if self.sharp:
            hu = hu + self.sharp * (hu - cv2.GaussianBlur(hu, (0, 0), 1.1))
        white = rng.standard_normal(hu.shape, dtype=np.float32)
        grain = cv2.GaussianBlur(white, (0, 0), 0.75 - 0.25 * self.sharp)
        # CT noise has little power at low frequency.
        grain -= 0.8 * cv2.GaussianBlur(white, (0, 0), 2.2)
        grain /= max(float(grain.std()), 1e-6)
        height, width = hu.shape
        path = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), width / 14)
        hu = hu + self.noise * (0.35 + 0.9 * path) * grain
        shoulders = np.clip((u - 0.78) / 0.12, 0, 1)
        if shoulders > 0:
            lines = cv2.GaussianBlur(white, (0, 0), sigmaX=width / 12, sigmaY=0.8)
            hu += self.streaks * shoulders * path * lines / max(float(lines.std()), 1e-6)
        if self.field:
            rows = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
            columns = np.arange(width, dtype=np.float32)[None] - (width - 1) / 2
            outside = rows * rows + columns * columns > (0.5 * max(height, width)) ** 2
            hu = np.where(outside, self.outside, hu)
        return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
