"""The shape of one synthetic patient's chest."""

from __future__ import annotations

import math

import numpy as np


def _oval(x, y, cx, cy, a, b, power=2.0):
    """Radial distance to a superellipse in mm, negative inside."""
    dx, dy = x - cx, y - cy
    if power == 2.0:
        level = np.sqrt((dx / a) ** 2 + (dy / b) ** 2)
    else:
        level = (np.abs(dx / a) ** power + np.abs(dy / b) ** power) ** (1 / power)
    return np.sqrt(dx * dx + dy * dy) * (1 - 1 / np.maximum(level, 0.02))


def _blend_union(first, second, width):
    """Union of two signed distances with the crease filled over `width` mm, as fat fills it."""
    gap = np.maximum(width - np.abs(first - second), 0) / width
    return np.minimum(first, second) - gap * gap * (width / 4)


def _along(u, heights, values):
    """Interpolate over the height; a plain float for one slice, so that single precision stays single."""
    value = np.interp(u, heights, values)
    return value if np.ndim(u) else float(value)


class Anatomy:
    """Body, rib cage, mediastinum and lungs as signed distances, drawn from a random generator.

    Coordinates are nominal millimetres: `x` towards the patient's left, `y` towards the back, both from the
    middle of the chest; `u` is the height as a fraction of the chest, 0 near the lung bases and about 0.94 at
    the apices. Every method broadcasts and returns millimetres, negative inside.
    """

    def __init__(self, rng: np.random.Generator):
        self.height = rng.uniform(265, 310)
        self.half = rng.uniform(150, 182)
        self.female = rng.random() < 0.5
        depth = self.half * rng.uniform(0.65, 0.78)
        self.back, self.front = depth, -depth
        self.fat = rng.uniform(5, 13) + 0.35 * (self.half - 150)
        self.roundness = rng.uniform(2.2, 2.6)

        self.cage_half = self.half - self.fat - rng.uniform(13, 22)
        self.cage_back = self.back - self.fat * 0.7 - rng.uniform(19, 25)
        self.cage_front = self.front + self.fat * 0.9 + rng.uniform(12, 17)
        self.cage_roundness = rng.uniform(2.2, 2.5)
        self.lean = rng.uniform(-4, 4)
        self.apex = {1: rng.uniform(0.925, 0.95), -1: rng.uniform(0.925, 0.95)}

        self.dome = {1: rng.uniform(0.17, 0.27), -1: 0.0}
        self.dome[-1] = self.dome[1] + rng.uniform(0.02, 0.07)
        self.dome_drop = rng.uniform(0.26, 0.38)

        self.heart = rng.uniform(0.92, 1.12)
        self.heart_tilt = rng.uniform(-0.84, -0.49)
        self.carina = rng.uniform(0.575, 0.615)
        self.narrow = rng.uniform(0.9, 1.12)
        self.spine_y = self.cage_back - rng.uniform(37, 42)
        self.wobble = rng.uniform(0, 2 * np.pi, 6).tolist()

    def front_of(self, u):
        """Anterior skin line (y, mm) at height `u`: the chest falls back towards the neck."""
        return self.front * _along(u, [0, 0.45, 0.62, 0.76, 0.88, 1.0], [1, 1, 0.98, 0.83, 0.52, 0.3])

    def cage_of(self, u):
        """Half width, anterior and posterior limit (mm) of the thoracic cavity at height `u`."""
        width = _along(u, [-0.1, 0.1, 0.3, 0.5, 0.68, 0.82, 1], [0.92, 0.98, 1, 0.97, 0.87, 0.68, 0.5])
        gap = self.cage_front - self.front
        back = self.cage_back - _along(u, [-0.1, 0.2, 0.6, 0.8, 1], [6, 0, 0, 8, 22])
        return self.cage_half * width, self.front_of(u) + gap * _along(u, [0.7, 0.9], [1, 1.6]), back

    def body(self, x, y, u):
        """Skin."""
        width = self.half * _along(u, [0, 0.3, 0.6, 0.78, 0.9, 1], [0.98, 1, 1, 1.08, 1.2, 1.18])
        front = self.front_of(u)
        back = self.back - _along(u, [0.8, 1], [0, 14])
        distance = _oval(x, y, 0, (front + back) / 2, width, (back - front) / 2, self.roundness)
        if self.female:
            size = _along(u, [0.2, 0.32, 0.42, 0.55, 0.66], [0, 0.8, 1, 0.75, 0])
            bulge = 46 * size + 0.1
            breast = _oval(np.abs(x), y, self.half * 0.46, front + 26, bulge * 1.35, bulge)
            distance = _blend_union(distance, breast, 25)
        return distance

    def cage(self, x, y, u):
        """Inner surface of the ribs."""
        half, front, back = self.cage_of(u)
        ripple = 1.5 * np.sin(x / 31 + self.wobble[0] + 6 * u) + 1.2 * np.sin(y / 24 + self.wobble[1] - 5 * u)
        return _oval(x, y, 0, (front + back) / 2, half, (back - front) / 2, self.cage_roundness) + ripple

    def heart_at(self, u):
        """Centre (x, y) and half axes (mm) of the heart at height `u`; zero axes where there is none."""
        level = np.sqrt(np.maximum(1 - ((u - 0.27) / 0.25) ** 2, 0))
        _, front, _ = self.cage_of(u)
        return (
            20 * self.heart + 5 * level - 24 * np.maximum(u - 0.3, 0),
            front + 13 + 44 * self.heart,
            62 * self.heart * level,
            46 * self.heart * level,
        )

    def heart_wall(self, x, y, u):
        """Outline of the heart, its long axis towards the left front."""
        cx, cy, a, b = self.heart_at(u)
        cos, sin = math.cos(self.heart_tilt), math.sin(self.heart_tilt)
        along, across = (x - cx) * cos + (y - cy) * sin, -(x - cx) * sin + (y - cy) * cos
        return _oval(along, across, 0, 0, np.maximum(a, 0.1), np.maximum(b, 0.1), 2.2)

    def mediastinum(self, x, y, u):
        """Everything between the lungs: heart, great vessels, hila, gullet, spine and the fat around them."""
        _, front, _ = self.cage_of(u)
        waist = self.narrow * _along(
            u, [0, 0.3, 0.45, 0.53, 0.6, 0.68, 0.78, 0.88, 1], [18, 24, 34, 42, 36, 33, 28, 26, 34]
        )
        reach = _along(u, [0.3, 0.5, 0.75, 1], [0.35, 0.8, 0.95, 1.0])
        top, bottom = self.spine_y - (self.spine_y - front) * reach, self.spine_y
        tilt = _along(u, [0.4, 0.5, 0.72, 0.85], [10, 4, 4, 0])
        column = _oval(x, y, tilt, (top + bottom) / 2, waist, (bottom - top) / 2 + 10, 2.2)
        spine = _oval(x, y, 0, self.spine_y + 15, 25, 34, 2.3)
        junction = _oval(x, y, self.lean, front, _along(u, [0, 0.4, 0.7], [32, 20, 20]), 26, 2)
        lump = _along(u, [0.38, 0.46, 0.56, 0.62], [0, 1, 1, 0])
        hilum = _oval(np.abs(x - 4), y, waist * 0.8, 12, 20 * lump + 0.1, 17 * lump + 0.1)
        distance = _blend_union(_blend_union(column, spine, 8), junction, 10)
        distance = _blend_union(_blend_union(distance, self.heart_wall(x, y, u), 8), hilum, 10)
        ripple = 1.3 * np.sin(y / 9 + self.wobble[2] + 17 * u) * np.cos(x / 11 + self.wobble[3] + 13 * u)
        return np.minimum(distance + ripple, np.abs(x - self.lean) - 2.5)

    def diaphragm(self, x, y, u):
        """Distance in mm above the diaphragm, corrected for its slope; negative below it, in the abdomen."""
        half, front, back = self.cage_of(u)
        left = np.asarray(x) > 0
        peak = np.where(left, np.float32(self.dome[1]), np.float32(self.dome[-1]))
        dx = (np.abs(x) - half * 0.45) / (half * 0.57)
        dy = (y - (front * 0.62 + back * 0.38)) / ((back - front) * 0.5)
        # The dome leans on the heart and the breastbone; its recess is deep at the side and the back.
        fall_x = np.where(dx > 0, np.float32(1), np.float32(0.3))
        fall_y = np.where(dy > 0, np.float32(1.15), np.float32(0.5))
        surface = peak - self.dome_drop * (fall_x * dx * dx + fall_y * dy * dy)
        steep_x, steep_y = fall_x * dx / (half * 0.57), fall_y * dy / ((back - front) * 0.5)
        slope = 2 * self.dome_drop * self.height * np.sqrt(steep_x * steep_x + steep_y * steep_y)
        return (u - surface) * self.height / np.sqrt(1 + slope * slope)

    def lung(self, x, y, u):
        """Pleura of both lungs: the left one has x > 0."""
        half, front, back = self.cage_of(u)
        side = np.where(np.asarray(x) > 0, 1, -1)
        apex = np.where(side > 0, np.float32(self.apex[1]), np.float32(self.apex[-1]))
        rise = np.maximum((u - 0.55) / (apex - 0.55), 0)
        open_ = np.sqrt(np.maximum(1 - rise * rise, 0))
        scale = 1.5 * open_ + 1e-3
        middle, deep = front * (0.36 + 0.14 * open_) + back * (0.64 - 0.14 * open_), (back - front) / 2
        dome = _oval(np.abs(x), y, half * (0.44 + 0.08 * open_), middle, 0.5 * half * scale, 0.78 * deep * scale, 2.2)
        distance = np.maximum(self.cage(x, y, u), np.where(rise > 0, dome, np.float32(-1e3)))
        distance = np.maximum(distance, -self.mediastinum(x, y, u))
        return np.maximum(distance, -self.diaphragm(x, y, u))
