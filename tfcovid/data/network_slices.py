"""The one way from a scan to what the network sees, in training and in prediction alike."""

from dataclasses import dataclass

import numpy as np

from tfcovid.config import Config
from tfcovid.errors import InputError
from tfcovid.preprocess import body_box, crop_resize, from_8bit, lung_areas, lung_boxes, select_slices
from tfcovid.scans import Scan


@dataclass(frozen=True)
class NetworkSlices:
    """Slices of one scan, cropped and resized, still in HU: the window comes inside the network's graph.

    Attributes:
        hu: `(slices, height, width)` int16.
        index: `(slices,)` where each stood in the scan.
        boxes: `(slices, 4)` top, left, bottom, right in pixels of the scan; bottom and right exclusive.
        without_lung: `(slices,)` bool; such a slice is kept whole.
    """

    hu: np.ndarray
    index: np.ndarray
    boxes: np.ndarray
    without_lung: np.ndarray


def network_slices(scan: Scan, config: Config, threads: int | None = None) -> NetworkSlices:
    """Selects, crops and resizes the slices of a scan as `config` says.

    Raises:
        InputError: 8-bit pixels where the config names no window they were made with.
    """
    if scan.units == "8-bit" and config.eight_bit is not None:
        hu = from_8bit(scan.voxels, center=config.eight_bit.center, width=config.eight_bit.width)
    else:
        if scan.units == "8-bit":
            raise InputError(
                f"These are 8-bit grey levels, not Hounsfield units, which {config.name} was trained on. Give DICOM or "
                "NIfTI, or name the window the images were made with in the config: "
                "eight_bit: {center: -600, width: 1500}"
            )
        hu = scan.hu
    index = np.arange(len(hu))
    if config.selection.method == "ssfl":
        length = config.selection.length
        start, stop = select_slices(lung_areas(hu, threads=threads), int(length) if length > 1 else length)
        index = index[start:stop]
        hu = hu[start:stop]
    if config.crop.method == "m3":
        per_scan = config.crop.box == "scan"
        boxes, without_lung = lung_boxes(hu, config.crop.margin, per_scan=per_scan, threads=threads)
    elif config.crop.method == "body":
        boxes = body_box(hu, threads=threads)
        if config.crop.box == "scan":
            boxes[:] = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
        without_lung = np.zeros(len(hu), bool)
    else:
        boxes = np.tile(np.array([0, 0, *hu.shape[1:]], np.int32), (len(hu), 1))
        without_lung = np.zeros(len(hu), bool)
    return NetworkSlices(crop_resize(hu, boxes, config.crop.size), index, boxes, without_lung)
