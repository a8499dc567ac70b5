import cv2
import numpy as np

from tfcovid.data import network_slices
from tfcovid.export.serving_model import ServingModel
from tfcovid.inference import Ensemble, SegmentationSystem, System
from tfcovid.preprocess import to_8bit
from tfcovid.scans import Scan

_AIR_HU = -1024


def serving_inputs(
    system: System | Ensemble | SegmentationSystem, model: ServingModel, scan: Scan
) -> dict[str, dict[str, np.ndarray]]:
    """Inputs by name for every signature of a model, from the slices of a scan in HU.

    The whole scan where a signature reads scans, and otherwise three slices or fewer.
    """
    few = scan.hu[sorted({len(scan.hu) * n // 4 for n in (1, 2, 3)})]
    given = {name: {"hu": scan.hu if name in ("scan", "lungs") else few} for name in model.signatures}
    member = next(iter(system.members.values())) if isinstance(system, Ensemble) else system
    if "cropped" in given:
        slices = network_slices(scan, member.config, finder=member.finder)
        given["cropped"] = {"hu": slices.hu[: len(few)]}
    if "image_bytes" in given:
        window = system.config.eight_bit
        levels = to_8bit(few, window.center, window.width)
        # One of them as JPEG, for which the graph has a way of its own.
        encoded = [cv2.imencode(".jpg" if n == 1 else ".png", one)[1].tobytes() for n, one in enumerate(levels)]
        given["image_bytes"] = {"images": np.array(encoded)}
    segmenter = member if isinstance(member, SegmentationSystem) else member.then
    if segmenter is not None and segmenter.config.network.kind != "attention_unet":
        name = "serving_default" if segmenter is member else "segment"
        given[name] = _patch(segmenter, scan)
    return given


def _patch(segmenter: SegmentationSystem, scan: Scan) -> dict[str, np.ndarray]:
    """The first patch of a scan, and a click of each kind where the segmenter takes them."""
    patch = segmenter.config.network.patch
    hu = np.full((1, *patch), _AIR_HU, np.int16)
    part = scan.hu[tuple(slice(0, side) for side in patch)]
    hu[(0, *(slice(0, side) for side in part.shape))] = part
    if not segmenter.config.guidance:
        return {"hu": hu}
    clicks = np.full((1, 2, 8, 3), -1, np.float32)
    clicks[0, :, 0] = [[side // 2 for side in patch], [side // 4 for side in patch]]
    spacing = np.array([segmenter.config.network.spacing], np.float32)
    return {"hu": hu, "clicks": clicks, "origin": np.zeros((1, 3), np.float32), "spacing": spacing}
