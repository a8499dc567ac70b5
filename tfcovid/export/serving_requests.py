"""What an exported model is asked, and what its bundle answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tfcovid.data import network_slices
from tfcovid.export.serving_inputs import serving_inputs
from tfcovid.export.serving_model import ServingModel
from tfcovid.inference import Diagnosis, Ensemble, SegmentationSystem, System
from tfcovid.scans import Scan, read_scan

_Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Request:
    """A request to a signature, inputs by name, and what the bundle itself gives, by name of the output."""

    signature: str
    inputs: _Arrays
    expected: _Arrays


def serving_requests(system: System | Ensemble | SegmentationSystem, model: ServingModel, scan: Scan) -> list[Request]:
    """A request to every signature of `model`, answered by `system`, on the slices of a scan in HU."""
    if isinstance(system, SegmentationSystem):
        answers = {"serving_default": lambda given: _segmenter(system, model, given)}
    else:
        members = list(system.members.values()) if isinstance(system, Ensemble) else [system]

        def alone(given: Mapping[str, np.ndarray]) -> list[Scan]:
            return [Scan.from_array(one[None], scan.spacing) for one in given["hu"]]

        answers: dict[str, Callable[[_Arrays], _Arrays]] = {
            "scan": lambda given: _scan(system.diagnose(scan)),
            "serving_default": lambda given: _of_slices([system.diagnose(one) for one in alone(given)]),
            "embed": lambda given: {"features": _features(members, model, alone(given))},
            "cropped": lambda given: _cropped(members, given["hu"]),
            "image_bytes": lambda given: _of_slices(_pictures(system, given["images"])),
            "lungs": lambda given: {"mask": members[0].finder.lungs(given["hu"], scan.spacing)},
            "segment": lambda given: _segmenter(members[0].then, model, given),
        }
    given = serving_inputs(system, model, scan)
    return [Request(name, inputs, answers[name](inputs)) for name, inputs in given.items()]


def _scan(diagnosis: Diagnosis) -> _Arrays:
    return _of_slices([diagnosis]) | {
        "label": np.int32(diagnosis.labels.index(diagnosis.label)),
        "probabilities": np.array(list(diagnosis.probabilities.values())),
        "by_window": np.array(list(diagnosis.by_window.values())),
        "index": diagnosis.slices.index,
    }


def _of_slices(diagnoses: Sequence[Diagnosis]) -> _Arrays:
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


def _cropped(members: Sequence[System], hu: np.ndarray) -> _Arrays:
    readings = [member.read(hu) for member in members]
    names = "slice_probabilities", "lesion_probabilities"
    found = {name: np.mean([getattr(one, name) for one in readings], 0) for name in names}
    maps = [one.small_map for one in readings]
    if all(one is not None and one.shape == maps[0].shape for one in maps):
        found["lesion_map"] = np.mean(maps, 0)
    return found


def _features(members: Sequence[System], model: ServingModel, alone: Sequence[Scan]) -> np.ndarray:
    found = []
    for member, network in zip(members, model.slice_networks, strict=True):
        slices = [network_slices(one, member.config, finder=member.finder).hu for one in alone]
        found.append(network.predict_on_batch(np.concatenate(slices)[..., None])["features"])
    return np.concatenate(found, -1)


def _pictures(system: System | Ensemble, images: np.ndarray) -> list[Diagnosis]:
    found = []
    with TemporaryDirectory() as folder:
        for n, encoded in enumerate(images):
            picture = Path(folder) / f"{n}"  # content decides what it is
            picture.write_bytes(encoded)
            found.append(system.diagnose(read_scan(picture)))
    return found


def _segmenter(segmenter: SegmentationSystem, model: ServingModel, given: _Arrays) -> _Arrays:
    hu = given["hu"]
    if segmenter.config.network.kind == "attention_unet":
        return {"mask": segmenter.masks(hu, (1.0, 1.0, 1.0))}  # of slices, which asks for no spacing
    seen = {**given, "hu": hu[..., None]}
    probabilities = model.segmenter.predict_on_batch(seen if len(seen) > 1 else seen["hu"])
    return {"probabilities": probabilities, "mask": probabilities.argmax(-1).astype(np.uint8)}
