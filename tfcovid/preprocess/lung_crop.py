"""The lung crop of M3Lung-Sys (Qian et al., 2020), section III-A, "Lung Crop".

The paper's six steps: (1) load the slice; (2) threshold at -300 HU; (3) opening with a 1 x 8 kernel, against
the table the patient lies on; (4) remove the background by 8-connected components; (5) the same opening
again; (6) minimum bounding rectangle with a margin of 10 pixels. Read here as:

- the foreground is what lies below -300 HU, air and lung; the kernel is 1 row x 8 columns;
- the background is every component of the foreground that touches the image's edge. A lung that touches the
  edge of a tightly cropped scan goes with it;
- what lies outside the image takes no part in an opening (it neither erodes nor dilates). An opening that
  eroded at the edge would part the air around the patient from it, and air would pass for lung.

`benchmarks/lung_crop.py` has the same six steps word for word in scikit-image; the boxes are equal.
"""

import cv2
import numpy as np

from tfcovid.errors import InputError
from tfcovid.preprocess.clear_edge import clear_edge
from tfcovid.preprocess.hounsfield import require_hu
from tfcovid.preprocess.slice_threads import on_runs_of_slices

LUNG_BELOW_HU = -300
TABLE_KERNEL = np.ones((1, 8), np.uint8)


def lung_boxes(
    hu: np.ndarray, margin: int = 10, *, per_scan: bool = False, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Where the lungs are, slice by slice.

    Args:
        hu: (slices, height, width), HU; int16 or float.
        margin: pixels kept around the lungs on every side, clipped to the slice.
        per_scan: one box for the whole scan, around the boxes of all slices with lung, on every slice.
        threads: as many slices at once; None takes the cores at hand. The boxes do not depend on it.

    Returns:
        boxes: (slices, 4), int32: top, left, bottom, right in pixels; bottom and right exclusive.
        without_lung: (slices,), bool: nothing was found here. Such a slice keeps the whole slice as its box
            (with `per_scan`, the scan's box, unless no slice at all has lung).

    Raises:
        InputError: not HU (8-bit, unsigned, NaN), not three axes, no pixels, or a negative margin.
    """
    hu = require_hu(hu, ndim=3)
    if not isinstance(margin, int | np.integer) or margin < 0:
        raise InputError(f"The margin must be a whole number of pixels, 0 or more. Received: {margin!r}")
    left, top, width, height = np.array(on_runs_of_slices(_lung_rectangles, hu, threads), np.int64).T
    boxes = np.stack(
        [
            np.maximum(top - margin, 0),
            np.maximum(left - margin, 0),
            np.minimum(top + height + margin, hu.shape[1]),
            np.minimum(left + width + margin, hu.shape[2]),
        ],
        axis=1,
    ).astype(np.int32)
    without_lung = height == 0
    if per_scan and not without_lung.all():
        found = boxes[~without_lung]
        boxes[:] = [*found[:, :2].min(axis=0), *found[:, 2:].max(axis=0)]
    else:
        boxes[without_lung] = [0, 0, *hu.shape[1:]]
    return boxes, without_lung


def _lung_rectangles(hu: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(left, top, width, height) of the lungs in each slice of HU, all 0 where there are none."""
    height, width = hu.shape[1:]
    ringed = np.empty((height + 2, width + 2), np.uint8)
    mask = ringed[1:-1, 1:-1]
    eroded = np.empty((height, width), np.uint8)
    rectangles = []
    for one in hu:
        np.less(one, LUNG_BELOW_HU, out=mask.view(bool))
        # The kernel is even, so its anchor lies off its middle; the dilation takes the mirrored anchor, or
        # the opening would move everything by a pixel. OpenCV leaves the outside out of both, as wanted.
        cv2.erode(mask, TABLE_KERNEL, dst=eroded, anchor=(3, 0))
        cv2.dilate(eroded, TABLE_KERNEL, dst=mask, anchor=(4, 0))
        lungs = clear_edge(ringed, connectivity=8)
        # Step 5 would change nothing and is left out: only whole components went, so every row of the rest is
        # made of the very runs of 8 or more pixels that the first opening let through.
        rectangles.append(cv2.boundingRect(lungs))
    return rectangles
