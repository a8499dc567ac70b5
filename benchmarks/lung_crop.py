"""Times the lung crop and the SSFL lung areas against their word-for-word readings, and compares the results.

    python benchmarks/lung_crop.py [--series FOLDER]

The series is any chest CT that `tfcovid.scans.read_scan` reads; by default the DICOM series
volumes/covid_ct_md/P001_dicom (148 slices of 512 x 512) under TFCOVID_DATA, or under ../shared/data beside
the repository. OpenCV's own threads are off, so that one thread means one. Every figure is the best of its
repeats.

`literal_boxes` and `literal_areas` below are the references the tests compare with, too.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import opening
from skimage.segmentation import clear_border

from tfcovid.preprocess import lung_areas, lung_boxes, to_8bit

DATA = Path(os.environ.get("TFCOVID_DATA", Path(__file__).parents[2] / "shared" / "data"))
SERIES = DATA / "volumes" / "covid_ct_md" / "P001_dicom"


def literal_boxes(hu: np.ndarray, margin: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """The six steps of M3Lung-Sys, section III-A, in scikit-image: boxes, and slices without lung."""
    height, width = hu.shape[1:]
    kernel = np.ones((1, 8), bool)
    boxes, without_lung = [], []
    for one in hu:  # step 1
        foreground = one < -300  # step 2
        # "ignore": what lies outside the image neither erodes nor dilates it.
        opened = opening(foreground, kernel, mode="ignore")  # step 3
        components = clear_border(label(opened, connectivity=2))  # step 4
        lungs = opening(components > 0, kernel, mode="ignore")  # step 5
        rows, columns = np.nonzero(lungs)  # step 6
        without_lung.append(len(rows) == 0)
        if len(rows):
            top, bottom = rows.min() - margin, rows.max() + 1 + margin
            left, right = columns.min() - margin, columns.max() + 1 + margin
            boxes.append([max(top, 0), max(left, 0), min(bottom, height), min(right, width)])
        else:
            boxes.append([0, 0, height, width])
    return np.array(boxes), np.array(without_lung)


def literal_areas(pixels: np.ndarray) -> np.ndarray:
    """The SSFL steps up to the area, in SciPy, on (slices, height, width) of 8-bit pixels: (slices,)."""
    areas = []
    for one in pixels:
        body = ndimage.minimum_filter(one, 10) >= 100
        (top, bottom), (left, right) = _longest(body.any(1)), _longest(body.any(0))
        cropped = one[top:bottom, left:right] if bottom > top else one
        body_map = ndimage.minimum_filter(cropped, 5) >= 100
        areas.append(int(ndimage.binary_fill_holes(body_map).sum()) - int(body_map.sum()))
    return np.array(areas)


def _longest(present: np.ndarray) -> tuple[int, int]:
    best = start = stop = 0
    for i, there in enumerate([*present, False]):
        if there:
            stop = i + 1
        else:
            if stop - start > best:
                best, found = stop - start, (start, stop)
            start = stop = i + 1
    return found if best else (0, 0)


def milliseconds(run: Callable, slices: int, repeats: int) -> float:
    """The best time a slice."""
    best = math.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return 1000 * best / slices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=Path, default=SERIES, help="a chest CT in HU")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each fast method; the literal ones run 3 times")
    settings = parser.parse_args()
    if not settings.series.exists():
        sys.exit(f"No chest CT at {settings.series}: give one with --series, or set TFCOVID_DATA to its folder.")

    # Reading takes a DICOM stack that the preprocessing above does not need.
    from tfcovid.scans import read_scan

    cv2.setNumThreads(1)
    hu = read_scan(settings.series).hu
    pixels = to_8bit(hu)
    count = len(hu)
    print(f"{settings.series.name}: {count} slices of {hu.shape[1]} x {hu.shape[2]}, {hu.dtype}")
    print(f"{'method':44} {'ms/slice':>8} {'ratio':>7}   equal")

    boxes, without_lung = literal_boxes(hu)
    slow = milliseconds(lambda: literal_boxes(hu), count, 3)
    print(f"{'lung crop, literal (scikit-image)':44} {slow:8.3f} {1:6.1f}x")
    for threads in (1, 2):
        ours, ours_without = lung_boxes(hu, threads=threads)
        equal = int(((ours == boxes).all(axis=1) & (ours_without == without_lung)).sum())
        fast = milliseconds(lambda n=threads: lung_boxes(hu, threads=n), count, settings.repeats)
        name = f"lung crop, tfcovid, threads {threads}"
        print(f"{name:44} {fast:8.3f} {slow / fast:6.1f}x   {equal}/{count} boxes")

    areas = literal_areas(pixels)
    slow = milliseconds(lambda: literal_areas(pixels), count, 3)
    print(f"{'SSFL areas, literal (SciPy)':44} {slow:8.3f} {1:6.1f}x")
    for kind, slices in (("8-bit", pixels), ("HU", hu)):
        for threads in (1, 2):
            equal = int((lung_areas(slices, threads=threads) == areas).sum())
            fast = milliseconds(lambda n=threads, s=slices: lung_areas(s, threads=n), count, settings.repeats)
            name = f"SSFL areas, tfcovid, {kind}, threads {threads}"
            print(f"{name:44} {fast:8.3f} {slow / fast:6.1f}x   {equal}/{count} areas")


if __name__ == "__main__":
    main()
