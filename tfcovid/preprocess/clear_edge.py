"""What hangs together with the image's edge is taken out of a mask."""

import cv2
import numpy as np


def clear_edge(ringed: np.ndarray, connectivity: int) -> np.ndarray:
    """The mask without the connected components that touch the image's edge, in place.

    One flood that starts on a ring of foreground around the image reaches exactly those components, in a
    fraction of the time that labelling all of them takes.

    Args:
        ringed: (height + 2, width + 2), uint8 of 0 and 1: the mask with one pixel to spare on every side.
            What is in the spare pixels does not matter.
        connectivity: 4 or 8 neighbours.

    Returns:
        (height, width), uint8 of 0 and 1: the inside of `ringed`.
    """
    ringed[0] = ringed[-1] = 1
    ringed[:, 0] = ringed[:, -1] = 1
    cv2.floodFill(ringed, None, (0, 0), 0, flags=connectivity)
    return ringed[1:-1, 1:-1]
