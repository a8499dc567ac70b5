import numpy as np

from tfcovid.export.tflite_models import CLICKS
from tfcovid.inference import SegmentationSystem
from tfcovid.inference.segmentation_system import inference_graph
from tfcovid.preprocess import crop_resize, resample
from tfcovid.scans import Scan

_AIR = -1024  # HU, outside of the scan


def edge_segmenter_inputs(system: SegmentationSystem, scan: Scan) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What `inference_graph` takes, from a scan in HU, and what the network of the bundle makes of it.

    All slices of a segmenter of slices; the window in the middle of a segmenter of volumes, with a click of each kind
    where it takes clicks.
    """
    graph = inference_graph(system.config, system.network)
    if system.config.network.kind == "attention_unet":
        boxes = np.tile(np.array([0, 0, *scan.hu.shape[1:]], np.int32), (len(scan.hu), 1))
        hu = crop_resize(scan.hu, boxes, system.config.network.size)[..., np.newaxis]
        return {"hu": hu}, np.concatenate([graph.predict_on_batch(one[np.newaxis]) for one in hu])
    patch = np.array(system.config.network.patch)
    volume, spacing = resample(scan.hu, scan.spacing, system.config.network.spacing)
    start = (volume.shape - patch) // 2  # below zero where the scan is smaller than the window
    padded = np.pad(volume, [(side, side) for side in patch], constant_values=_AIR)
    window = padded[tuple(slice(low + side, low + 2 * side) for low, side in zip(start, patch, strict=True))]
    inputs = {"hu": window[np.newaxis, ..., np.newaxis]}
    if system.config.guidance is None:
        return inputs, graph.predict_on_batch(inputs["hu"])
    clicks = np.full((1, 2, CLICKS, 3), -1, np.float32)
    clicks[0, 0, 0] = middle = np.array(volume.shape) // 2
    clicks[0, 1, 0] = middle // 2
    inputs |= {"clicks": clicks, "origin": np.float32(start)[np.newaxis], "spacing": np.float32(spacing)[np.newaxis]}
    return inputs, graph.predict_on_batch(inputs)
