import cv2
import numpy as np


def edge_hull_share(component: np.ndarray) -> float:
    """How much of a component lies within the convex hull of its pixels on the image's edge.

    Tells the air around a body from a lung that the image cuts off, whatever both look like: a body is convex, so what
    lies between it and the edge stays within that hull; a lung bulges out of it.

    Args:
        component: (height, width), bool, with a pixel on the edge.

    Returns:
        0 to 1.
    """
    edge = np.zeros(component.shape, bool)
    edge[[0, -1]] = component[[0, -1]]
    edge[:, [0, -1]] = component[:, [0, -1]]
    outline = cv2.convexHull(np.argwhere(edge)[:, ::-1].astype(np.int32))
    hull = cv2.fillConvexPoly(np.zeros(component.shape, np.uint8), outline, 1)
    return float(hull[component].mean())
