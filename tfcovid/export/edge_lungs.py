from collections.abc import Callable

import cv2
import numpy as np

from tfcovid.config import Segmenter
from tfcovid.preprocess import crop_resize, largest_components, window


class EdgeLungs:
    """Finds lungs by an exported segmenter of slices, as `SegmentationSystem.lungs` does by its network.

    Args:
        config: of the segmenter.
        run: from "levels" `(slices, height, width, 1)` in [0, 1] to "probabilities" `(slices, height, width, labels)`.
    """

    def __init__(self, config: Segmenter, run: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], hash: str):
        self._config, self._run, self.hash = config, run, hash

    def lungs(self, hu: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
        """The lungs in slices of HU, both `(slices, height, width)`; bool, specks dropped."""
        found = np.empty(hu.shape, bool)
        for k, one in enumerate(self._run({"levels": outline_levels(hu, self._config)})["probabilities"]):
            found[k] = cv2.resize(one, hu.shape[:0:-1], interpolation=cv2.INTER_LINEAR).argmax(axis=-1) > 0
        return largest_components(found)


def outline_levels(hu: np.ndarray, config: Segmenter) -> np.ndarray:
    """What a segmenter of slices sees of `(slices, height, width)` HU: `(slices, *size, 1)` float32 in [0, 1]."""
    boxes = np.tile(np.array([0, 0, *hu.shape[1:]], np.int32), (len(hu), 1))
    small = crop_resize(hu, boxes, config.network.size)
    return window(small, config.window.center, config.window.width)[..., np.newaxis]
