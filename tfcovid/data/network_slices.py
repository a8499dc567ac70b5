"""The one way from a scan to what the network sees, in training and in prediction alike."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tfcovid.config import Config, Segmenter
from tfcovid.errors import InputError
from tfcovid.preprocess import body_box, crop_resize, from_8bit, lung_areas, lung_boxes, mask_boxes, select_slices
from tfcovid.scans import Scan


class LungFinder(Protocol):
    """What crop method "attention_unet" finds lungs with: `tfcovid.inference.SegmentationSystem` is one.

    Attributes:
        hash: of its weights and settings.
    """

    hash: str

    def lungs(self, hu: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
        """The lungs in slices of HU, both `(slices, height, width)`; bool. Spacing in mm (slice, row, column)."""


@dataclass(frozen=True)
class NetworkSlices:
    """Slices of one scan, cropped and resized, still in HU: the window comes inside the network's graph.

    Attributes:
        hu: `(slices, height, width)` int16.
        index: `(slices,)` where each stood in the scan.
        boxes: `(slices, 4)` top, left, bottom, right in pixels of the scan; bottom and right exclusive.
        without_lung: `(slices,)` bool; such a slice is kept whole.
        lungs: `(slices, height, width)` bool in the frame of the scan, where the crop outlines them.
    """

    hu: np.ndarray
    index: np.ndarray
    boxes: np.ndarray
    without_lung: np.ndarray
    lungs: np.ndarray | None = None


def network_slices(
    scan: Scan, config: Config, threads: int | None = None, finder: LungFinder | None = None
) -> NetworkSlices:
    """Selects, crops and resizes the slices of a scan as `config` says.

    Args:
        finder: finds the lungs, where the crop method is "attention_unet"; see `tfcovid.inference.lung_finder`.

    Raises:
        InputError: 8-bit pixels where the config names no window they were made with.
    """
    hu, lungs = scan_hu(scan, config), None
    index = np.arange(len(hu))
    if config.selection.method == "ssfl":
        length = config.selection.length
        start, stop = select_slices(lung_areas(hu, threads=threads), int(length) if length > 1 else length)
        index = index[start:stop]
        hu = hu[start:stop]
    if config.crop.method == "m3":
        per_scan = config.crop.box == "scan"
        boxes, without_lung = lung_boxes(hu, config.crop.margin, per_scan=per_scan, threads=threads)
    elif config.crop.method == "attention_unet":
        if finder is None:
            raise ValueError("crop method attention_unet needs a finder; tfcovid.inference.lung_finder loads it.")
        lungs = finder.lungs(hu, scan.spacing)
        boxes, without_lung = mask_boxes(lungs, config.crop.margin, per_scan=config.crop.box == "scan")
        hu = _without_outside(hu, lungs, config)
    elif config.crop.method == "body":
        boxes = body_box(hu, threads=threads)
        if config.crop.box == "scan":
            boxes[:] = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
        without_lung = np.zeros(len(hu), bool)
    else:
        boxes = np.tile(np.array([0, 0, *hu.shape[1:]], np.int32), (len(hu), 1))
        without_lung = np.zeros(len(hu), bool)
    return NetworkSlices(crop_resize(hu, boxes, config.crop.size), index, boxes, without_lung, lungs)


def scan_hu(scan: Scan, config: Config | Segmenter) -> np.ndarray:
    """`(slices, height, width)` int16 HU; 8-bit pixels turned back through the window the config names.

    Raises:
        InputError: 8-bit pixels where the config names none.
    """
    if scan.units != "8-bit":
        return scan.hu
    if config.eight_bit is None:
        raise InputError(
            f"These are 8-bit grey levels, not Hounsfield units, which {config.name} was trained on. Give DICOM or "
            "NIfTI, or name the window the images were made with in the config: "
            "eight_bit: {center: -600, width: 1500}"
        )
    return from_8bit(scan.voxels, center=config.eight_bit.center, width=config.eight_bit.width)


def _without_outside(hu: np.ndarray, lungs: np.ndarray, config: Config) -> np.ndarray:
    """Outside the lungs white, brighter than every window of the config, or the mean of the slice's lungs.

    A slice without lung stays as it is: there is nothing that could be told from the rest.
    """
    if config.crop.outside == "keep":
        return hu
    hu, window = hu.copy(), config.window
    white = np.ceil(max(*window.train, *window.predict) + window.width / 2)
    for one, inside in zip(hu, lungs, strict=True):
        if inside.any():
            one[~inside] = white if config.crop.outside == "white" else np.rint(one[inside].mean())
    return hu
