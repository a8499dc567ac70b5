"""Slices a network can read: windows, lung crop, slice selection, resizing."""

from tfcovid.preprocess.air_lungs import air_lungs
from tfcovid.preprocess.body_box import body_box
from tfcovid.preprocess.body_mask import body_mask
from tfcovid.preprocess.crop_resize import crop_resize, paste
from tfcovid.preprocess.eight_bit import from_8bit, to_8bit
from tfcovid.preprocess.largest_components import largest_components
from tfcovid.preprocess.lung_areas import lung_areas
from tfcovid.preprocess.lung_crop import lung_boxes
from tfcovid.preprocess.lung_region import lung_region
from tfcovid.preprocess.mask_boxes import mask_boxes
from tfcovid.preprocess.resample import interpolated, resample
from tfcovid.preprocess.select_slices import select_slices
from tfcovid.preprocess.split_lungs import split_lungs
from tfcovid.preprocess.window import draw_centers, window

__all__ = [
    "air_lungs",
    "body_box",
    "body_mask",
    "crop_resize",
    "draw_centers",
    "from_8bit",
    "interpolated",
    "largest_components",
    "lung_areas",
    "lung_boxes",
    "lung_region",
    "mask_boxes",
    "paste",
    "resample",
    "select_slices",
    "split_lungs",
    "to_8bit",
    "window",
]
