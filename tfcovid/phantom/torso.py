"""Everything in a chest slice except the lungs' inside."""

from __future__ import annotations

import numpy as np

from tfcovid.phantom.anatomy import Anatomy
from tfcovid.phantom.canvas import Canvas

_FAT, _MUSCLE, _BLOOD = -100.0, 52.0, 42.0
_RIB_STEP = 27.0
_RIB_FALL = 105.0
_VERTEBRA = 23.0


class Torso:
    """Soft tissue, organs, bones and the table of one patient; the small choices are drawn once from `rng`."""

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        self.anatomy = anatomy
        self.bone = rng.uniform(0.75, 1.15)
        self.rib_start = rng.uniform(0, _RIB_STEP)
        self.disc_start = rng.uniform(0, _VERTEBRA)
        self.liver = rng.uniform(45, 68)
        self.stomach = rng.uniform(0, 1, 4)
        self.aorta = rng.uniform(0.85, 1.2)
        self.calcified = rng.random() < 0.3
        self.table_gap = rng.uniform(2, 9)
        self.table_bend = rng.uniform(4e-4, 1.1e-3)
        self.table_depth = rng.uniform(18, 32)
        self.shoulder = rng.uniform(0, 12)
        self.marbling = rng.uniform(0.4, 1.3)

    def paint(self, canvas: Canvas, u: float, coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
        """Paint the slice at height `u`; `coarse` and `fine` are textures (height, width).

        Returns the share (height, width) of each pixel that is inside the body.
        """
        anatomy = self.anatomy
        body = anatomy.body(canvas.x, canvas.y, u) + 0.8 * coarse
        canvas.warp = 0.9 * coarse + 0.45 * fine
        cage = anatomy.cage(canvas.x, canvas.y, u)
        self._table(canvas)
        inside = canvas.cover(body)
        canvas.blend(inside, _FAT + 8 * coarse + 6 * fine)
        skin = canvas.cover(np.abs(body + 1.2) - 1.2)
        canvas.blend(0.8 * skin, 25)
        if anatomy.female and 0.22 < u < 0.64:
            gland = canvas.cover(body + anatomy.fat + 6) * np.clip(coarse + 0.4 * fine - 0.7, 0, 1)
            canvas.blend(gland * (canvas.y < anatomy.cage_front + 10), 10)
        self._muscle(canvas, u, body, cage, coarse, fine)
        self._cavity(canvas, u, cage, coarse, fine)
        self._ribs(canvas, u, cage, fine)
        self._spine(canvas, u, fine)
        self._front_bones(canvas, u)
        self._shoulders(canvas, u)
        return inside

    def _table(self, canvas: Canvas) -> None:
        top = self.anatomy.back + self.table_gap
        for depth, thick, hu in ((0, 1.2, -550), (self.table_depth, 1.6, -150)):
            line = canvas.y - (top + depth - self.table_bend * canvas.x**2)
            canvas.blend(canvas.cover(np.abs(line) - thick), hu)
        between = canvas.cover(-(canvas.y - (top - self.table_bend * canvas.x**2)))
        below = canvas.cover(canvas.y - (top + self.table_depth - self.table_bend * canvas.x**2))
        canvas.blend(between * below * 0.9, -955)

    def _muscle(self, canvas, u, body, cage, coarse, fine) -> None:
        anatomy = self.anatomy
        front = float(np.interp(u, [0, 0.5, 0.7, 1], [0.7, 1.0, 0.9, 0.5]))
        thickness = anatomy.fat * np.where(canvas.y < 0, front, 0.75)
        wall = np.minimum(body + thickness, cage - 9)
        if anatomy.female and u < 0.66:
            # The breast is fat in front of the pectoral muscle, however thick it is.
            wall = np.where(canvas.y < anatomy.cage_front + 30, np.maximum(wall, cage - 16), wall)
        muscle = canvas.cover(wall + 1.2 * coarse)
        canvas.blend(muscle, _MUSCLE + 5 * fine)
        # Fat between the muscle sheets: one plane hugging the ribs, and marbling.
        plane = canvas.cover(np.abs(cage - 17 - 3 * coarse) - 1.6) * (cage > 11) * np.clip(0.6 + 0.5 * coarse, 0, 1)
        marble = np.clip(0.7 * fine + 0.7 * coarse - 1.15, 0, 0.8) * (cage > 10)
        canvas.blend(muscle * np.clip(plane + self.marbling * marble, 0, 1), -75)

    def _cavity(self, canvas, u, cage, coarse, fine) -> None:
        anatomy = self.anatomy
        inside = canvas.cover(cage - 2)
        canvas.blend(inside, _FAT + 25 + 20 * coarse)
        abdomen = inside * canvas.cover(anatomy.diaphragm(canvas.x, canvas.y, u), 3.0)
        half, front, back = anatomy.cage_of(u)
        if u < max(anatomy.dome.values()) + 0.02:
            self._abdomen(canvas, u, abdomen, half, front, back, coarse, fine)
        before = canvas.hu.copy()
        self._mediastinum(canvas, u, front, coarse)
        # Organs end at the cage; the ovals above do not know that.
        canvas.hu[:] = np.where(inside > 0.5, canvas.hu, before)

    def _abdomen(self, canvas, u, share, half, front, back, coarse, fine) -> None:
        depth = max(0.0, self.anatomy.dome[1] - u)
        canvas.blend(share, _FAT)
        muscle = canvas.cover(np.abs(self.anatomy.diaphragm(canvas.x, canvas.y, u) + 1.5) - 1.5)
        canvas.blend(share * muscle, 40)
        edge = half * (0.02 + 0.4 * np.clip((u - 0.02) / 0.2, 0, 1))
        slant = canvas.x - edge - 0.5 * (front * 0.4 - canvas.y) + 6 * coarse
        liver = canvas.cover(slant) * (canvas.y < back - 4)
        canvas.blend(share * liver, self.liver + 2 * fine)
        a, b, c, d = self.stomach
        x, y = half * (0.48 + 0.1 * a), front * 0.25 + 10 * b
        wide, deep = (38 + 14 * c) * min(1, 4 * depth + 0.3), (34 + 12 * d) * min(1, 4 * depth + 0.3)
        before = canvas.hu.copy()
        canvas.oval(x, y, wide, deep, 35, tilt=0.4)
        canvas.oval(x, y, wide - 4, deep - 4, 25 + 30 * c, tilt=0.4)
        if a > 0.35:
            canvas.oval(x + 6, y - deep * 0.45, wide * 0.55, deep * 0.38, -960)
        canvas.oval(half * 0.7, back * 0.45, 24 + 30 * depth, 42 + 20 * depth, 48, tilt=-0.5)
        canvas.hu[:] = before + share * (canvas.hu - before)

    def _mediastinum(self, canvas, u, front, coarse) -> None:
        anatomy = self.anatomy
        r = self.aorta
        spine = anatomy.spine_y
        canvas.oval(0, spine + 10, 25, 30, _MUSCLE, power=2.2)
        cx, cy, a, b = anatomy.heart_at(u)
        if a > 4:
            heart = canvas.cover(anatomy.heart_wall(canvas.x, canvas.y, u) + 4 + 1.5 * coarse, 2)
            canvas.blend(heart, _BLOOD + 3 * coarse)
            # Fat in the grooves between the chambers.
            canvas.oval(cx - 0.25 * a, cy - 0.45 * b, 0.42 * a, 3, -40, tilt=1.0, soft=5, share=0.5)
            canvas.oval(cx + 0.35 * a, cy + 0.25 * b, 0.4 * a, 2.5, -30, tilt=0.2, soft=5, share=0.4)
        if u < 0.45:
            canvas.oval(-24, spine - 48, 12, 11, _BLOOD)
        if u < 0.7:
            canvas.oval(17, spine - 17, 12 * r, 12 * r, _BLOOD + 2)
        canvas.oval(4, spine - 24, 8, 6, 35)
        if 0.42 < u < 0.66:
            fade = float(np.interp(u, [0.42, 0.47, 0.63, 0.66], [0, 1, 1, 0]))
            canvas.oval(-12, front + 42, 17 * r * fade, 17 * r * fade, _BLOOD)
            canvas.oval(-32, front + 58, 10 * fade, 9 * fade, _BLOOD)
            if u < 0.6:
                canvas.oval(17, front + 40, 15 * fade, 16 * fade, _BLOOD)
        if 0.42 < u < 0.53:
            canvas.oval(2, 2, 34, 17, _BLOOD, share=0.95)
            for side in (-1, 1):
                canvas.oval(side * 36 + 3, 8, 18, 11, _BLOOD, tilt=0.3 * side, soft=2)
        if 0.5 < u < 0.555:
            canvas.bar(14, front + 46, -34, 4, 9, _BLOOD)
            canvas.bar(16, front + 46, 36, 6, 10, _BLOOD)
        if 0.645 < u < 0.715:
            canvas.bar(-10, front + 42, 17, spine - 18, 12.5 * r, _BLOOD + 2)
            canvas.oval(-24, front + 50, 9, 10, _BLOOD)
            if self.calcified:
                canvas.bar(14, spine - 34, 24, spine - 24, 1.5, 500)
        if u >= 0.7:
            for x, y, size in (
                (-20, 26, 8),
                (-12, 36, 6),
                (6, 33, 5),
                (14, 40, 5.5),
                (-26, 38, 5),
                (20, 30, 7),
            ):
                canvas.oval(x + 30 * (u - 0.8) * np.sign(x), front + y + 6, size * r, size * r, _BLOOD)
            if u > 0.88:
                for side in (-1, 1):
                    canvas.oval(side * 19, -2, 9, 15, 85)

    def _ribs(self, canvas, u, cage, fine) -> None:
        anatomy = self.anatomy
        near = (cage > 0) & (cage < 14)
        rows, columns = np.nonzero(near)
        if rows.size == 0:
            return
        x, y = canvas.x[0, columns], canvas.y[rows, 0]
        _, front, back = anatomy.cage_of(u)
        angle = np.abs(np.arctan2(x, y - (front + back) / 2))
        level = u * anatomy.height + _RIB_FALL * (1 - np.cos(angle)) / 2 + self.rib_start + 3 * (x > 0)
        number, rest = np.divmod(level, _RIB_STEP)
        across = (rest - _RIB_STEP / 2) / 6.4
        through = (cage[rows, columns] - 5.5) / 3.7
        distance = (np.hypot(across, through) - 1) * 4.0
        top = (0.93 * anatomy.height + self.rib_start) // _RIB_STEP
        distance = np.where(number <= top, distance, 50)
        distance = np.where((angle < 0.28) | (angle > 2.95), 50, distance)
        share = np.clip(0.5 - distance / (1.3 * canvas.pixel), 0, 1)
        core = np.clip(0.5 - (distance + 1.7) / (1.3 * canvas.pixel), 0, 1)
        gristle = np.clip((angle - 2.35) / 0.12, 0, 1)
        cortex = self.bone * 700 * (1 - gristle) + 110 * gristle
        marrow = self.bone * (230 + 50 * fine[rows, columns]) * (1 - gristle) + 90 * gristle
        values = canvas.hu[rows, columns]
        values += share * (cortex - values)
        values += core * (marrow - values)
        canvas.hu[rows, columns] = values

    def _spine(self, canvas, u, fine) -> None:
        y = self.anatomy.spine_y + float(np.interp(u, [0.8, 1], [0, -4]))
        phase = (u * self.anatomy.height + self.disc_start) % _VERTEBRA / _VERTEBRA
        size = float(np.interp(u, [0, 1], [1.05, 0.8]))
        a, b = 17.5 * size, 14.5 * size
        bone = self.bone
        if phase < 0.2:
            canvas.oval(0, y, a, b, 90, power=2.4)
        else:
            canvas.oval(0, y, a, b, bone * 430, power=2.4)
            endplate = phase < 0.27 or phase > 0.93
            canvas.oval(0, y, a - 1.8, b - 1.8, bone * (330 if endplate else 175), power=2.4)
            window = (np.abs(canvas.x) < a) & (np.abs(canvas.y - y) < b)
            canvas.hu += window * np.where(canvas.hu > 120, 26 * bone * fine, 0)
        canal = y + b + 8
        if 0.15 < phase < 0.95:
            for side in (-1, 1):
                if phase < 0.7:
                    canvas.bar(side * 10, y + b - 3, side * 12, canal, 3.6, bone * 480)
                    tip = (side * (29 + 3 * size), canal + 13)
                    canvas.bar(side * 12, canal + 3, *tip, 4.2, bone * 430)
                    canvas.bar(side * 14, canal + 4, tip[0] - side * 2, tip[1] - 1, 2.0, bone * 220)
                canvas.bar(side * 12, canal + 2, 0, canal + 13, 3.0, bone * 520)
            if phase > 0.4:
                canvas.bar(0, canal + 12, 0, canal + 26, 2.6, bone * 430)
        canvas.oval(0, canal, 9.5, 8, -20)
        canvas.oval(0, canal, 7.5, 6.5, 30)

    def _front_bones(self, canvas, u) -> None:
        _, front, _ = self.anatomy.cage_of(u)
        if 0.3 < u < 0.84:
            wide = float(np.interp(u, [0.3, 0.36, 0.6, 0.7, 0.8, 0.84], [5, 14, 15, 20, 26, 18]))
            y = front - 7
            canvas.oval(0, y, wide, 6.2, self.bone * 430, power=3)
            canvas.oval(0, y, wide - 2, 4.4, self.bone * 150, power=3)
        if 0.79 < u < 0.97:
            for side in (-1, 1):
                t = np.clip((u - 0.79) / 0.16, 0, 1)
                start = 14 + 95 * max(0.0, t - 0.35)
                end = start + 26 + 38 * t
                tilt = 0.35
                y = front - 4 - 6 * t
                ends = (side * start, y, side * end, y + tilt * (end - start) * 0.8)
                canvas.bar(*ends, 6.3, self.bone * 620)
                canvas.bar(*ends, 4.0, self.bone * 240)

    def _shoulders(self, canvas, u) -> None:
        if u < 0.5:
            return
        half, _, back = self.anatomy.cage_of(u)
        t = (u - 0.5) / 0.5
        for side in (-1, 1):
            inner = (side * (half * 0.62 - 12 * t), back - 2 + 12 * t)
            reach = half * 0.98 + 14 + 24 * t + self.shoulder * 0.5
            outer = (side * reach, back * 0.36 - 10 * t)
            middle = (0.5 * (inner[0] + outer[0]) + side * 7, 0.5 * (inner[1] + outer[1]) + 9)
            for first, last in ((inner, middle), (middle, outer)):
                canvas.bar(*first, *last, 3.2, self.bone * 560)
                canvas.bar(*first, *last, 1.4, self.bone * 280)
            if t > 0.45:
                tip = (side * (reach + 12 * t), back * 0.36 + 26)
                canvas.bar(*middle, *tip, 3.4, self.bone * 520)
            if t > 0.72:
                canvas.oval(outer[0] + side * 4, outer[1] - 3, 9, 12, self.bone * 450)
                canvas.oval(outer[0] + side * 4, outer[1] - 3, 6.5, 9.5, self.bone * 220)
                centre = outer[0] + side * 33
                canvas.oval(centre, outer[1] - 10, 21, 22, self.bone * 560)
                canvas.oval(centre, outer[1] - 10, 18.5, 19.5, self.bone * 260)
