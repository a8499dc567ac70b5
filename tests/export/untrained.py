"""The parts of a shipped config, untrained: what an export does to numbers does not depend on what they mean."""

import numpy as np

from tests.networks.settled import settled
from tfcovid.config import Config, Segmenter, load_config
from tfcovid.data.network_slices import network_slices
from tfcovid.inference import SegmentationSystem, System, load_segmenter, lung_finder
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import window
from tfcovid.scans import Scan
from tfcovid.training.patient_stage import patient_network
from tfcovid.training.segmenter_stage import segmentation_network
from tfcovid.training.slice_network import slice_network

_NO_WEIGHTS = ["slice_net.weights=null", "lungs.network.weights=null", "then.segmenter.network.weights=null"]


def untrained(name: str, *settings: str) -> System | SegmentationSystem:
    """A system or a segmenter of the config of that name, with norms that fit its slices."""
    parts = load_config(name).model_dump()
    without = [one for one in _NO_WEIGHTS if parts.get(one.split(".")[0])]
    if parts.get("then") and parts["then"]["bundle"]:
        without.remove("then.segmenter.network.weights=null")
    config = load_config(name, [*without, *settings])
    if isinstance(config, Segmenter):
        return _segmenter(config)
    finder = _segmenter(config.lungs) if config.lungs else lung_finder(config)
    network = slice_network(config)
    settled(network, _phantom_slices(config, finder))
    patient = None
    if config.trains_patients:
        patient = patient_network(config, network.output["features"].shape[-1])
        for one in patient.weights:
            # Fresh weights call all scans alike; a little more and they differ, as after training.
            one.assign(one * 1.5)
    then = None
    if config.then:
        then = _segmenter(config.then.segmenter) if config.then.segmenter else load_segmenter(config.then.bundle)
    return System(config, network, patient, {"name": name}, finder, then)


def _phantom_slices(config: Config, finder: SegmentationSystem | None) -> np.ndarray:
    """Slices like those that exports are compared on: of others, as of noise, features grow without end."""
    made = make_phantom("covid", seed=1, shape=(12, 160, 160))
    found = network_slices(Scan.from_array(made.hu, made.spacing), config, finder=finder)
    return window(found.hu[::2], config.window.predict[0], config.window.width)[..., None]


def _segmenter(config: Segmenter) -> SegmentationSystem:
    network = segmentation_network(config)
    rng = np.random.default_rng(0)
    settled(network, rng.random((1, *network.input_shape[1:]), np.float32))
    return SegmentationSystem(config, network, {"name": config.name})
