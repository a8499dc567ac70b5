"""Branching vessels and airways of the lungs, as tubes and as a volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcovid.phantom.anatomy import Anatomy


@dataclass(frozen=True)
class Tubes:
    """Straight pieces of tube: `start` and `end` are (pieces, 3) nominal mm as (z, y, x); `radius` in mm."""

    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray

    def __add__(self, other: Tubes) -> Tubes:
        return Tubes(
            np.concatenate([self.start, other.start]),
            np.concatenate([self.end, other.end]),
            np.concatenate([self.radius, other.radius]),
        )


def lung_points(anatomy: Anatomy, rng: np.random.Generator, side: int, count: int, depth: float) -> np.ndarray:
    """`count` points (z, y, x) spread over one lung, at least `depth` mm inside it; `side` 1 is the left."""
    found = np.empty((0, 3), np.float32)
    while len(found) < count:
        tries = rng.random((6 * count, 3), dtype=np.float32)
        z = tries[:, 0] * anatomy.height * 0.96
        y = anatomy.front + tries[:, 1] * (anatomy.back - anatomy.front)
        x = side * tries[:, 2] * anatomy.half
        inside = anatomy.lung(x, y, z / anatomy.height) < -depth
        found = np.concatenate([found, np.stack([z, y, x], 1)[inside]])
    return found[:count]


def _grow(root: np.ndarray, targets: np.ndarray, rng: np.random.Generator, leaf: float) -> Tubes:
    """A tree from `root` to every target, each joining where wire and way back to the root are shortest."""
    order = np.argsort(np.linalg.norm(targets - root, axis=1) + rng.normal(0, 6, len(targets)))
    pieces = 3
    total = 1 + pieces * len(targets)
    place = np.zeros((total, 3), np.float32)
    parent = np.zeros(total, np.int64)
    way = np.zeros(total, np.float32)
    place[0] = root
    size = 1
    for batch in np.array_split(targets[order], max(1, len(targets) // 14)):
        known = place[:size]
        gaps = np.linalg.norm(batch[:, None] - known[None], axis=2)
        join = np.argmin(gaps + 0.55 * way[:size], axis=1)
        gap = gaps[np.arange(len(batch)), join]
        bend = rng.normal(0, 0.07, (len(batch), 3)).astype(np.float32) * gap[:, None]
        last = join
        for step in range(1, pieces + 1):
            t = step / pieces
            index = np.arange(size, size + len(batch))
            place[index] = known[join] * (1 - t) + batch * t + bend * (4 * t * (1 - t))
            parent[index] = last
            way[index] = way[join] + t * gap
            last, size = index, size + len(batch)
    carried = np.zeros(size, np.float32)
    tips = np.ones(size, bool)
    tips[parent[1:size]] = False
    carried[tips] = 1
    for index in range(size - 1, 0, -1):
        carried[parent[index]] += carried[index]
    radius = leaf * carried ** (1 / 2.6)
    return Tubes(place[parent[1:size]], place[1:size], radius[1:size])


def grow_vessels(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Tubes, Tubes]:
    """Vessels and airways (outer lumen radius) of both lungs, with the windpipe."""
    height = anatomy.height
    vessels, airways = None, _windpipe(anatomy)
    leaf = rng.uniform(0.58, 0.74)
    for side in (-1, 1):
        roots = ((0.52, 6, 34, 700), (0.43, 14, 30, 400))
        for level, y, x, count in roots:
            root = np.float32([level * height, y, side * x + 3])
            tree = _grow(root, lung_points(anatomy, rng, side, count, 3.0), rng, leaf)
            vessels = tree if vessels is None else vessels + tree
            if count == roots[0][3]:
                # Airways run with the arteries: beside them, somewhat narrower, lost to sight when small.
                wide = tree.radius > 1.15
                shift = np.float32([0, 0.6, -0.8 * side]) * (1.75 * tree.radius[wide, None] + 0.5)
                airways = airways + Tubes(
                    tree.start[wide] + shift,
                    tree.end[wide] + shift,
                    np.minimum(0.72 * tree.radius[wide], 3.4),
                )
    return vessels, airways


def _windpipe(anatomy: Anatomy) -> Tubes:
    height, carina = anatomy.height, anatomy.carina
    top = np.float32([1.15 * height, -16, anatomy.lean * 0.3])
    fork = np.float32([carina * height, 14, 2])
    starts, ends, radii = [top], [fork], [8.3]
    for side, reach, drop in ((-1, 30, 0.1), (1, 38, 0.12)):
        middle = fork + np.float32([-drop * 0.62 * height, 2, side * reach * 0.6])
        end = fork + np.float32([-drop * height, 3, side * reach])
        starts += [fork, middle]
        ends += [middle, end]
        radii += [6.6, 5.4]
    return Tubes(np.stack(starts), np.stack(ends), np.float32(radii))


def fill(tubes: Tubes, z: np.ndarray, y: np.ndarray, x: np.ndarray, grow: float = 0.0) -> np.ndarray:
    """Share (slices, height, width) of each voxel that lies in the tubes, 0 to 1, float32.

    `z`, `y`, `x` are evenly rising voxel centres in nominal mm; `grow` widens every tube by so many mm. Thin
    tubes and thick slices keep their volume: a vessel narrower than a voxel is paler, not wider.
    """
    step = np.float32([z[1] - z[0] if len(z) > 1 else 1e3, y[1] - y[0], x[1] - x[0]])
    pixel = float(step[2])
    radius = tubes.radius + grow
    length = np.linalg.norm(tubes.end - tubes.start, axis=1)
    along = np.maximum(1, np.ceil(length / (0.75 * pixel))).astype(np.int64)
    around = np.maximum(1, np.ceil(4.0 * (radius / pixel) ** 2)).astype(np.int64)
    count = along * around
    piece = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count)
    t = ((number // around[piece] + 0.5) / along[piece]).astype(np.float32)
    ring = number % around[piece]
    # A sunflower spiral fills the tube's cross-section evenly; it turns along the tube.
    spread = radius[piece] * np.sqrt((ring + 0.5) / around[piece]).astype(np.float32)
    turn = (ring * 2.399963 + (number // around[piece]) * 1.1).astype(np.float32)
    axis = (tubes.end - tubes.start) / np.maximum(length, 1e-3)[:, None]
    other = np.where(np.abs(axis[:, :1]) < 0.8, np.float32([[1, 0, 0]]), np.float32([[0, 1, 0]]))
    first = np.cross(axis, other)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    points = tubes.start[piece] + t[:, None] * (tubes.end - tubes.start)[piece]
    points += (spread * np.cos(turn))[:, None] * first[piece] + (spread * np.sin(turn))[:, None] * second[piece]
    volume = (np.pi * radius**2 * length / count / np.prod(step))[piece].astype(np.float32)

    shape = (len(z), len(y), len(x))
    spot = (points - np.float32([z[0], y[0], x[0]])) / step
    low = np.floor(spot).astype(np.int32)
    part = spot - low
    filled = np.zeros(int(np.prod(shape)), np.float32)
    for corner in np.ndindex(2, 2, 2):
        at = low + np.int32(corner)
        weight = volume * np.prod(np.where(corner, part, 1 - part), axis=1)
        ok = np.all((at >= 0) & (at < np.int32(shape)), axis=1)
        index = np.ravel_multi_index(tuple(at[ok].T), shape)
        np.add.at(filled, index, weight[ok])
    return np.minimum(filled, 1).reshape(shape)
