"""The parts of a shipped config, untrained: what an export does to numbers does not depend on what they mean."""

import numpy as np

from tests.networks.settled import settled
from tfcovid.config import Segmenter, load_config
from tfcovid.inference import SegmentationSystem, System
from tfcovid.training.patient_stage import patient_network
from tfcovid.training.segmenter_stage import segmentation_network
from tfcovid.training.slice_network import slice_network

_NO_WEIGHTS = ["slice_net.weights=null", "lungs.network.weights=null", "then.segmenter.network.weights=null"]


def untrained(name: str, *settings: str) -> System | SegmentationSystem:
    """A system or a segmenter of the config of that name, with norms that fit its slices."""
    parts = load_config(name).model_dump()
    without = [one for one in _NO_WEIGHTS if parts.get(one.split(".")[0])]
    config = load_config(name, [*without, *settings])
    if isinstance(config, Segmenter):
        return _segmenter(config)
    network = slice_network(config)
    seen = np.random.default_rng(0).random((4, *config.crop.size, 1), np.float32)
    settled(network, seen)
    patient = None
    if config.trains_patients:
        patient = patient_network(config, network.output["features"].shape[-1])
        for one in patient.weights:
            # Fresh weights call all scans alike; a little more and they differ, as after training.
            one.assign(one * 1.5)
    finder = _segmenter(config.lungs) if config.lungs else None
    then = _segmenter(config.then.segmenter) if config.then else None
    return System(config, network, patient, {"name": name}, finder, then)


def _segmenter(config: Segmenter) -> SegmentationSystem:
    network = segmentation_network(config)
    rng = np.random.default_rng(0)
    settled(network, rng.random((1, *network.input_shape[1:]), np.float32))
    return SegmentationSystem(config, network, {"name": config.name})
