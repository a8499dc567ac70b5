from collections.abc import Sequence

import numpy as np

from tfcovid.data import Entry, network_slices
from tfcovid.data.network_slices import scan_hu
from tfcovid.export.edge_lungs import outline_levels
from tfcovid.inference import SegmentationSystem, System
from tfcovid.preprocess import window
from tfcovid.scans import read_scan

_SAMPLES, _OF_A_SCAN = 240, 6


def tflite_samples(system: System | SegmentationSystem, entries: Sequence[Entry], seed: int = 0) -> np.ndarray:
    """Slices as the network sees them, for the ranges of its integers: `(samples, height, width, 1)` in [0, 1].

    At most 240, of training scans where there are some, from every label alike; 6 of a scan, or more where there are
    few scans, spread evenly over it; through the windows of the config in turn.
    """
    drawn = _balanced([entry for entry in entries if entry.split == "train"] or entries, seed)
    each, samples = max(_OF_A_SCAN, -(-_SAMPLES // len(drawn))), []
    for entry in drawn:
        samples.extend(_of_scan(system, entry, each))
        if len(samples) >= _SAMPLES:
            break
    samples = np.stack(samples[:_SAMPLES])
    if isinstance(system, SegmentationSystem):
        return samples
    settings = system.config.window
    return window(samples, np.resize(settings.predict, len(samples)), settings.width)[..., np.newaxis]


def _balanced(entries: Sequence[Entry], seed: int) -> list[Entry]:
    """In random order, the labels in turn."""
    of_label: dict[str, list[int]] = {}
    for n in np.random.default_rng(seed).permutation(len(entries)):
        of_label.setdefault(entries[n].label, []).append(n)
    turns = sorted((turn, label, n) for label, own in of_label.items() for turn, n in enumerate(own))
    return [entries[n] for _, _, n in turns]


def _of_scan(system: System | SegmentationSystem, entry: Entry, count: int) -> np.ndarray:
    """Levels for a segmenter, HU of cropped slices for a system."""
    scan = read_scan(entry.scan)
    if isinstance(system, SegmentationSystem):
        hu = scan_hu(scan, system.config)
        return outline_levels(hu[_spread(len(hu), count)], system.config)
    hu = network_slices(scan, system.config, finder=system.finder).hu
    return hu[_spread(len(hu), count)]


def _spread(slices: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, slices - 1, count).round().astype(int))
