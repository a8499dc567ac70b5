"""The steps of the M3Lung-Sys lung crop on one slice, for people to look at."""

import numpy as np
import skimage

from tfcovid.preprocess.hounsfield import require_hu
from tfcovid.preprocess.lung_crop import LUNG_BELOW_HU, TABLE_KERNEL


def lung_crop_steps(hu: np.ndarray) -> dict[str, np.ndarray]:
    """What the steps 2 to 5 of `lung_boxes` leave of one slice, as figure 4 of M3Lung-Sys shows them.

    The box of `lung_boxes` is the rectangle around the last of them. That function takes shorter ways to it.

    Args:
        hu: (height, width), HU.

    Returns:
        "threshold", "opening", "background removed" and "opening again", in this order: (height, width), bool.

    Raises:
        InputError: not HU, or not two axes.
    """
    dark = require_hu(hu, ndim=2) < LUNG_BELOW_HU
    # "ignore": what lies outside the image neither erodes nor dilates it.
    opened = skimage.morphology.opening(dark, TABLE_KERNEL.astype(bool), mode="ignore")
    inside = skimage.segmentation.clear_border(skimage.measure.label(opened, connectivity=2)) > 0
    again = skimage.morphology.opening(inside, TABLE_KERNEL.astype(bool), mode="ignore")
    return {"threshold": dark, "opening": opened, "background removed": inside, "opening again": again}
