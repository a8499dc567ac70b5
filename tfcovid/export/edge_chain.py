from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfcovid.config import Config
from tfcovid.data import network_slices
from tfcovid.data.network_slices import LungFinder
from tfcovid.export.graph.patient_graph import PatientGraph
from tfcovid.inference.nonparametric import assess_slices
from tfcovid.preprocess import window
from tfcovid.scans import Scan

Run = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class EdgeAnswer:
    """What exported networks say of a scan, as `Diagnosis` has it.

    Attributes:
        by_window: `(windows, classes)`.
        slice_probabilities: `(slices, classes)`; lesion_probabilities: `(slices,)`.
        lesion_map: `(slices, height, width)`, or None where the network makes none.
        features: `(windows, slices, channels)`, what a patient network reads.
    """

    by_window: np.ndarray
    slice_probabilities: np.ndarray
    lesion_probabilities: np.ndarray
    lesion_map: np.ndarray | None
    features: np.ndarray


@dataclass(frozen=True)
class EdgeChain:
    """What a `System` does with a scan, by networks that were exported.

    Attributes:
        read: from cropped slices, `(slices, height, width)` int16 HU, to what `windowed` gives of them.
        patient: from "features" `(windows, slices, channels)` to "probabilities"; None where there are no weights.
        finder: of the lungs, for crop method "attention_unet".
    """

    config: Config
    read: Callable[[np.ndarray], dict[str, np.ndarray]]
    patient: Run | None = None
    finder: LungFinder | None = None

    def answer(self, scan: Scan) -> EdgeAnswer:
        outputs = self.read(network_slices(scan, self.config, finder=self.finder).hu)
        disease, lesion = outputs["disease"], outputs.get("lesion")
        by_slice = assess_slices(disease, lesion)
        patient = None if self.patient is None else self._joined
        tensors = map(tf.constant, (disease, by_slice, outputs["features"]))
        _, by_window = PatientGraph(self.config, patient)(*tensors)
        joined = by_slice.mean(axis=1)
        return EdgeAnswer(
            by_window=by_window.numpy(),
            slice_probabilities=joined,
            lesion_probabilities=1 - joined[:, 0] if lesion is None else lesion.mean(axis=1)[:, 1],
            lesion_map=outputs["lesion_map"][..., 0] if "lesion_map" in outputs else None,
            features=np.moveaxis(outputs["features"], 1, 0),
        )

    def _joined(self, inputs: dict[str, tf.Tensor], training: bool) -> np.ndarray:
        return self.patient({"features": inputs["features"].numpy()})["probabilities"]


def through_windows(config: Config, run: Run) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """`EdgeChain.read` by a network of "levels", one window at a time: what `windowed` does in a graph."""

    def read(hu: np.ndarray) -> dict[str, np.ndarray]:
        seen = [
            _both_ways(run, window(hu, center, config.window.width)[..., np.newaxis], config.mirror)
            for center in config.window.predict
        ]
        found = {name: np.stack([one[name] for one in seen], axis=1) for name in seen[0]}
        if "lesion_map" in found:
            found["lesion_map"] = found["lesion_map"].mean(axis=1)
        return found

    return read


def _both_ways(run: Run, levels: np.ndarray, mirror: bool) -> dict[str, np.ndarray]:
    found = run({"levels": levels})
    if not mirror:
        return found
    mirrored = run({"levels": levels[:, :, ::-1]})
    if "lesion_map" in mirrored:
        mirrored["lesion_map"] = mirrored["lesion_map"][:, :, ::-1]
    return {name: (found[name] + mirrored[name]) / 2 for name in found}
