"""What an exported model is asked, and what its bundle answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from tfcovid.data import network_slices
from tfcovid.export.serving_model import ServingModel
from tfcovid.inference import Diagnosis, Ensemble, SegmentationSystem, System
from tfcovid.preprocess import to_8bit
from tfcovid.scans import Scan, read_scan


@dataclass(frozen=True)
class Request:
    """A request to a signature, inputs by name, and what the bundle itself gives, by name of the output."""

    signature: str
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]


def serving_requests(system: System | Ensemble | SegmentationSystem, model: ServingModel, scan: Scan) -> list[Request]:
    """A request to every signature of `model`, answered by `system`, on the slices of a scan in HU."""
    few = [scan.hu[k : k + 1] for k in sorted({len(scan.hu) * n // 4 for n in (1, 2, 3)})]
    if isinstance(system, SegmentationSystem):
        return [_segmenter(system, model, "serving_default", scan, np.concatenate(few))]
    members = list(system.members.values()) if isinstance(system, Ensemble) else [system]
    alone = [Scan.from_array(one, scan.spacing) for one in few]
    hu = {"hu": np.concatenate(few)}
    diagnosis = system.diagnose(scan)
    answers = {
        "label": np.int32(diagnosis.labels.index(diagnosis.label)),
        "probabilities": np.array(list(diagnosis.probabilities.values())),
        "by_window": np.array(list(diagnosis.by_window.values())),
        "index": diagnosis.slices.index,
    }
    requests = [
        Request("scan", {"hu": scan.hu}, _of_slices([diagnosis]) | answers),
        Request("serving_default", hu, _of_slices([system.diagnose(one) for one in alone])),
        Request("embed", hu, {"features": _features(members, model, alone)}),
    ]
    if "cropped" in model.signatures:
        slices = network_slices(scan, members[0].config, finder=members[0].finder).hu[: len(few)]
        requests.append(Request("cropped", {"hu": slices}, _read(members, slices)))
    if "image_bytes" in model.signatures:
        requests.append(_pictures(system, few))
    if "lungs" in model.signatures:
        requests.append(Request("lungs", {"hu": scan.hu}, {"mask": members[0].finder.lungs(scan.hu, scan.spacing)}))
    if "segment" in model.signatures:
        requests.append(_segmenter(members[0].then, model, "segment", scan, np.concatenate(few)))
    return requests


def _of_slices(diagnoses: Sequence[Diagnosis]) -> dict[str, np.ndarray]:
    of_each = [
        {
            "slice_probabilities": one.slice_probabilities,
            "lesion_probabilities": one.lesion_probabilities,
            "boxes": one.slices.boxes,
            "without_lung": one.slices.without_lung,
            **({} if one.small_map is None else {"lesion_map": one.small_map}),
        }
        for one in diagnoses
    ]
    return {name: np.concatenate([one[name] for one in of_each]) for name in of_each[0]}


def _read(members: Sequence[System], hu: np.ndarray) -> dict[str, np.ndarray]:
    readings = [member.read(hu) for member in members]
    found = {name: np.mean([getattr(one, name) for one in readings], 0) for name in _READ}
    maps = [one.small_map for one in readings]
    if all(one is not None and one.shape == maps[0].shape for one in maps):
        found["lesion_map"] = np.mean(maps, 0)
    return found


_READ = "slice_probabilities", "lesion_probabilities"


def _features(members: Sequence[System], model: ServingModel, alone: Sequence[Scan]) -> np.ndarray:
    found = []
    for member, network in zip(members, model.slice_networks, strict=True):
        slices = [network_slices(one, member.config, finder=member.finder).hu for one in alone]
        found.append(network.predict_on_batch(np.concatenate(slices)[..., None])["features"])
    return np.concatenate(found, -1)


def _pictures(system: System | Ensemble, few: Sequence[np.ndarray]) -> Request:
    window = system.config.eight_bit
    images, diagnoses = [], []
    with TemporaryDirectory() as folder:
        for n, hu in enumerate(few):
            ending = ".jpg" if n == 1 else ".png"
            encoded = cv2.imencode(ending, to_8bit(hu[0], window.center, window.width))[1].tobytes()
            picture = Path(folder) / f"{n}{ending}"
            picture.write_bytes(encoded)
            images.append(encoded)
            diagnoses.append(system.diagnose(read_scan(picture)))
    return Request("image_bytes", {"images": np.array(images)}, _of_slices(diagnoses))


def _segmenter(
    segmenter: SegmentationSystem, model: ServingModel, signature: str, scan: Scan, few: np.ndarray
) -> Request:
    settings = segmenter.config.network
    if settings.kind == "attention_unet":
        return Request(signature, {"hu": few}, {"mask": segmenter.masks(few, scan.spacing)})
    patch = np.full((1, *settings.patch), -1024, np.int16)
    part = scan.hu[tuple(slice(0, side) for side in settings.patch)]
    patch[(0, *(slice(0, side) for side in part.shape))] = part
    inputs = {"hu": patch}
    if segmenter.config.guidance:
        clicks = np.full((1, 2, 8, 3), -1, np.float32)
        clicks[0, :, 0] = [[side // 2 for side in settings.patch], [side // 4 for side in settings.patch]]
        spacing = np.array([settings.spacing], np.float32)
        inputs |= {"clicks": clicks, "origin": np.zeros((1, 3), np.float32), "spacing": spacing}
    seen = {**inputs, "hu": patch[..., None]}
    probabilities = model.segmenter.predict_on_batch(seen if len(seen) > 1 else seen["hu"])
    return Request(
        signature, inputs, {"probabilities": probabilities, "mask": probabilities.argmax(-1).astype(np.uint8)}
    )
