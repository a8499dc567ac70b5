"""Times the crop and the selection of slices in the graph against OpenCV's, and compares the results.

    python -m benchmarks.graph_crop [--series FOLDER] [--size 256]

The series is any chest CT that `tfcovid.scans.read_scan` reads; by default the DICOM series
volumes/covid_ct_md/P001_dicom (148 slices of 512 x 512) under TFCOVID_DATA, or under ../shared/data beside the
repository. Both sides take the cores at hand. Every figure is the best of its repeats, the whole series at once and,
as a client of a server may ask, one slice alone.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.lung_crop import SERIES, milliseconds
from tfcovid import preprocess
from tfcovid.export.graph.body_box import body_box
from tfcovid.export.graph.crop_resize import crop_resize
from tfcovid.export.graph.lung_areas import lung_areas
from tfcovid.export.graph.lung_boxes import lung_boxes
from tfcovid.scans import read_scan


def compare(name: str, graph: Callable, opencv: Callable, hu: np.ndarray, boxes: np.ndarray, repeats: int) -> None:
    """Prints a row: milliseconds a slice of both, and how many entries are equal."""
    signature = [tf.TensorSpec([None] * 3, tf.int16), tf.TensorSpec([None, 4], tf.int32)]
    run = tf.function(graph, signature, autograph=False)
    middle = slice(len(hu) // 2, len(hu) // 2 + 1)
    for part in (slice(None), middle):
        some, some_boxes = hu[part], boxes[part]
        found, expected = run(some, some_boxes).numpy(), opencv(some, some_boxes)
        ours = milliseconds(lambda s=some, b=some_boxes: run(s, b), len(some), repeats)
        theirs = milliseconds(lambda s=some, b=some_boxes: opencv(s, b), len(some), repeats)
        off = int(np.abs(found.astype(np.int64) - expected).max())
        equal = f"{np.count_nonzero(found == expected)}/{found.size}, at most {off} off"
        print(f"{name:22} {len(some):6} {ours:9.3f} {theirs:9.3f} {ours / theirs:6.1f}x   {equal}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=Path, default=SERIES, help="a chest CT in HU")
    parser.add_argument("--size", type=int, default=256, help="pixels of a side that crops are resized to")
    parser.add_argument("--repeats", type=int, default=7)
    settings = parser.parse_args()
    if not settings.series.exists():
        sys.exit(f"No chest CT at {settings.series}: give one with --series, or set TFCOVID_DATA to its folder.")
    hu, size = read_scan(settings.series).hu, (settings.size, settings.size)
    boxes, _ = preprocess.lung_boxes(hu)
    print(f"{settings.series.name}: {len(hu)} slices of {hu.shape[1]} x {hu.shape[2]}; ms a slice")
    print(f"{'':22} {'slices':>6} {'graph':>9} {'OpenCV':>9} {'ratio':>7}   equal")
    for name, graph, opencv in (
        ("lung boxes", lambda hu, _: lung_boxes(hu)[0], lambda hu, _: preprocess.lung_boxes(hu)[0]),
        ("body boxes", lambda hu, _: body_box(hu), lambda hu, _: preprocess.body_box(hu)),
        ("lung areas", lambda hu, _: lung_areas(hu), lambda hu, _: preprocess.lung_areas(hu)),
        (
            f"crop to {size[0]} x {size[1]}",
            lambda hu, boxes: crop_resize(hu, boxes, size),
            lambda hu, boxes: preprocess.crop_resize(hu, boxes, size),
        ),
    ):
        compare(name, graph, opencv, hu, boxes, settings.repeats)


if __name__ == "__main__":
    main()
